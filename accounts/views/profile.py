"""The profile, and deleting one's account."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import get_user_model, logout
from django.contrib.auth.decorators import login_not_required, login_required
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.translation import gettext as _
from django.views import i18n
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from accounts import emails, throttle
from accounts.forms import DeleteForm, ProfileForm
from accounts.lifecycle import LastOrganiserError, delete_accounts
from camp.web.external_references import StillReferenced, describe_references


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def profile(request):
    """Show and change the name, e-mail, time zone and language."""
    # A copy, because the page's header shows request.user even while the form has errors.
    user = get_user_model().objects.get(pk=request.user.pk)
    old_email = user.email
    form = ProfileForm(
        request.POST if request.method == "POST" else None,
        instance=user,
        address=throttle.client_address(request) or "",
    )
    if form.is_valid() and form.save_unless_taken():
        if user.email != old_email:
            emails.notify_previous_address(request, user, old_email)
        with translation.override(
            user.chosen_language or translation.get_language_from_request(request)
        ):
            messages.success(request, _("Your profile is saved."))
        return redirect("accounts:profile")
    response = render(request, "accounts/profile.html", {"form": form})
    return throttle.render_form_or_lockout(response, form.paused)


@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def delete(request):
    """Delete the account and all of its data, after the password is typed."""
    form = DeleteForm(
        request.user,
        request.POST if request.method == "POST" else None,
        address=throttle.client_address(request) or "",
    )
    if form.is_valid():
        try:
            user = get_user_model().objects.get(pk=request.user.pk)
            in_background = delete_accounts([user])
        except LastOrganiserError:
            form.add_error(
                None,
                _(
                    "You are the only administrator, and other people have accounts here. "
                    "Make someone else an administrator first."
                ),
            )
        except StillReferenced as error:
            form.add_error(None, describe_references(error.tables))
        else:
            logout(request)
            if in_background:
                text = _(
                    "Your account is closed. Everything in it is being deleted; that may take a "
                    "few minutes."
                )
            else:
                text = _("Your account and everything in it are deleted.")
            messages.success(request, text)
            return redirect("home")
    response = render(request, "accounts/delete.html", {"form": form})
    return throttle.render_form_or_lockout(response, form.paused)


@login_not_required
@require_POST
def set_language(request):
    """Switch the language, and store it in the profile of a logged-in user.

    The profile's language takes precedence over the cookie, so both must change.
    """
    response = i18n.set_language(request)
    language = request.POST.get(i18n.LANGUAGE_QUERY_PARAMETER)
    if request.user.is_authenticated and language in dict(settings.LANGUAGES):
        request.user.language = language
        request.user.save(update_fields=["language", "updated_at"])
    return response
