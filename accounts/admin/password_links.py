"""One-time links to set a new password, which an organiser hands over where Camp sends no mail."""

from django.conf import settings
from django.contrib.admin.utils import unquote
from django.contrib.auth.tokens import default_token_generator
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.decorators import method_decorator
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts import throttle
from camp.admin.log_messages import untranslated
from camp.web.addresses import public_host


class PasswordLinkMixin:
    """Adds the page that creates a link; for the user's ModelAdmin.

    Nothing is stored: Django's token is signed, expires after PASSWORD_RESET_TIMEOUT, and ends
    when the password changes or the person logs in
    (https://docs.djangoproject.com/en/5.2/topics/auth/default/#django.contrib.auth.views.PasswordResetView).
    """

    def get_urls(self):
        view = self.admin_site.admin_view(self.create_password_link)
        return [
            path("<path:id>/password-link/", view, name="accounts_user_password_link"),
            *super().get_urls(),
        ]

    def may_create_password_link(self, request, user):
        """Return whether the reader may create a link for this account."""
        return user.is_active and user != request.user and self.has_change_permission(request, user)

    @method_decorator(never_cache)
    @method_decorator(require_http_methods(["GET", "HEAD", "POST"]))
    def create_password_link(self, request, id):
        """Explain the link; a POST creates one and shows it once."""
        user = self.get_object(request, unquote(id))
        if user is None:
            raise Http404
        if not self.may_create_password_link(request, user):
            raise PermissionDenied
        link, status = "", 200
        if request.method == "POST":
            if throttle.count_password_link(user):
                link = build_link(request, user)
                text = untranslated(gettext_lazy("Created a password link."))
                self.log_change(request, user, text)
            else:
                status = 429
        context = {
            **self.admin_site.each_context(request),
            "title": _("Link to set a new password"),
            "opts": self.opts,
            "original": user,
            "link": link,
            "is_refused": status == 429,
            "days": settings.PASSWORD_RESET_TIMEOUT // 86_400,
        }
        template = "admin/accounts/user/password_link.html"
        return TemplateResponse(request, template, context, status=status)


def build_link(request, user):
    """Return the absolute URL at which `user` sets a new password, once."""
    arguments = {
        "uidb64": urlsafe_base64_encode(force_bytes(user.pk)),
        "token": default_token_generator.make_token(user),
    }
    address = reverse("accounts:password_reset_confirm", kwargs=arguments)
    return f"{request.scheme}://{public_host(request)}{address}"
