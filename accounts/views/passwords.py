"""Change a password, or reset it by e-mail. Django's views with Camp's forms."""

from django.conf import settings
from django.contrib.auth import views as auth_views
from django.contrib.auth.decorators import login_not_required
from django.http import HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse_lazy
from django.utils.decorators import method_decorator

from accounts import throttle
from accounts.forms import PasswordChangeForm, PasswordResetForm


class ChangeView(auth_views.PasswordChangeView):
    """Change the password and end all other log-ins of this user."""

    template_name = "accounts/password_change.html"
    form_class = PasswordChangeForm
    success_url = reverse_lazy("accounts:password_change_done")

    def get_form_kwargs(self):
        address = throttle.client_address(self.request) or ""
        return super().get_form_kwargs() | {"address": address}

    def form_invalid(self, form):
        return throttle.render_form_or_lockout(super().form_invalid(form), form.paused)


class ChangeDoneView(auth_views.PasswordChangeDoneView):
    """Confirm that the password was changed."""

    template_name = "accounts/password_change_done.html"


class ResetView(auth_views.PasswordResetView):
    """Send an e-mail with a link; the response is the same for unknown addresses."""

    template_name = "accounts/password_reset.html"
    form_class = PasswordResetForm
    subject_template_name = "accounts/email/password_reset_subject.txt"
    email_template_name = "accounts/email/password_reset.txt"
    extra_email_context = {"days": settings.PASSWORD_RESET_TIMEOUT // 86_400}
    success_url = reverse_lazy("accounts:password_reset_done")

    @method_decorator(login_not_required)
    def dispatch(self, request, *args, **kwargs):
        """Say whom to ask where no mail is sent."""
        if not settings.EMAIL_IS_SET_UP:
            return render(request, "accounts/password_reset_unavailable.html")
        return super().dispatch(request, *args, **kwargs)

    def form_valid(self, form):
        if throttle.count_email_request(self.request, form.cleaned_data["email"]):
            return super().form_valid(form)
        return HttpResponseRedirect(self.get_success_url())


class ResetDoneView(auth_views.PasswordResetDoneView):
    """Say that the e-mail was sent."""

    template_name = "accounts/password_reset_done.html"


class ResetConfirmView(auth_views.PasswordResetConfirmView):
    """Set the new password with the link from the e-mail."""

    template_name = "accounts/password_reset_confirm.html"
    success_url = reverse_lazy("accounts:password_reset_complete")

    def form_valid(self, form):
        response = super().form_valid(form)
        # People who forgot their password have often tried several: let them log in now.
        throttle.reset_failures(self.user.pk)
        return response


class ResetCompleteView(auth_views.PasswordResetCompleteView):
    """Confirm that the new password works."""

    template_name = "accounts/password_reset_complete.html"
