"""Changes of several rows at once: actions of lists, with a page that confirms them."""

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.db import transaction
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from camp.admin.dashboard import readable_number
from camp.admin.log_messages import HANDED_OVER, untranslated
from camp.admin.widgets import AutocompleteSelect
from camp.db.row_locks import lock_rows

LISTED = 25  # rows named on the page
CONTINUE = _("Continue")


def confirmation_page(
    model_admin,
    request,
    queryset,
    *,
    title,
    notes=(),
    form=None,
    submit=CONTINUE,
    is_danger=False,
    back="",
):
    """Return the page that asks before something is done with the rows of `queryset`.

    Its form comes back to the action or page as it was sent, with the fields of `form` and `post`.
    `notes` are sentences that say what will happen. `submit` is the text of the button, "" for
    none; `back` is where "cancel" leads, "" for the list.
    """
    rows = list(queryset)
    context = {
        **model_admin.admin_site.each_context(request),
        "title": title,
        "opts": model_admin.opts,
        "action": request.POST.get("action", ""),
        "checkbox_name": ACTION_CHECKBOX_NAME,
        "rows": rows,
        "listed": rows[:LISTED],
        "more": max(0, len(rows) - LISTED),
        "notes": notes,
        "form": form,
        "submit": submit,
        "is_danger": is_danger,
        "back": back,
        "media": model_admin.media + (form.media if form else forms.Media()),
    }
    request.current_app = model_admin.admin_site.name
    return TemplateResponse(request, "admin/confirm_action.html", context)


class TrashActionsMixin:
    """A ModelAdmin mixin for tables with a trash: move rows there, and restore them.

    Those who may change or delete rows may do both, and those with the permission `trash` no more
    than that. The admin lists the actions.
    """

    def has_trash_permission(self, request, obj=None):
        """Return whether the reader may move rows to the trash, and restore them."""
        name = f"{self.opts.app_label}.trash_{self.opts.model_name}"
        return (
            request.user.has_perm(name)
            or self.has_change_permission(request, obj)
            or self.has_delete_permission(request, obj)
        )

    @admin.action(
        permissions=["trash"], description=_("Move selected %(verbose_name_plural)s to the trash")
    )
    def trash_selected(self, request, queryset):
        """Move the rows to the trash, once that is confirmed."""
        rows = queryset.filter(deleted_at=None)
        if "post" not in request.POST:
            return self.confirm_trash(request, rows)
        rows = list(rows)
        self.set_deleted_at(rows, timezone.now())
        done = ngettext("%(count)d moved to the trash.", "%(count)d moved to the trash.", len(rows))
        done %= {"count": len(rows)}
        self.log_and_report(request, rows, _("Moved to the trash."), done)
        return None

    @admin.action(permissions=["trash"], description=_("Restore selected %(verbose_name_plural)s"))
    def restore_selected(self, request, queryset):
        """Take the rows out of the trash."""
        rows = list(queryset.exclude(deleted_at=None))
        self.set_deleted_at(rows, None)
        done = ngettext("%(count)d restored.", "%(count)d restored.", len(rows))
        done %= {"count": len(rows)}
        self.log_and_report(request, rows, _("Restored from the trash."), done)

    def confirm_trash(self, request, rows, back=""):
        """Return the page that asks before rows are moved to the trash."""
        kept = ngettext(
            "They can be restored for %(count)d day.",
            "They can be restored for %(count)d days.",
            settings.TRASH_DAYS,
        )
        return confirmation_page(
            self,
            request,
            rows,
            title=gettext("Move to the trash?"),
            notes=[
                self.bulk_note(rows),
                kept % {"count": settings.TRASH_DAYS},
                *self.trash_notes(),
            ],
            submit=gettext("Move to the trash"),
            back=back,
        )

    def set_deleted_at(self, rows, moment):
        """Set when the rows were moved to the trash, None if they are not in it."""
        found = self.model.objects.filter(pk__in=[row.pk for row in rows])
        with transaction.atomic():
            lock_rows(found)
            found.update(deleted_at=moment)

    def trash_notes(self):
        """Return further sentences about what the trash means for the rows."""
        return []

    def bulk_note(self, queryset):
        """Return how much an action concerns, as text."""
        count = queryset.count()
        name = self.opts.verbose_name if count == 1 else self.opts.verbose_name_plural
        return f"{readable_number(count)} {name}"


class HandOverRefusedError(Exception):
    """A new owner cannot have a row; the message says why."""


class NewOwnerForm(forms.Form):
    """The choice of a new owner."""

    user = forms.ModelChoiceField(None, label=_("New owner"))

    def __init__(self, model_admin, request, data=None):
        super().__init__(data)
        field, relation = self.fields["user"], model_admin.opts.get_field("user")
        field.queryset = get_user_model().objects.filter(is_active=True)
        field.widget = AutocompleteSelect(relation, model_admin.admin_site, choices=field.choices)


class HandOverMixin:
    """A ModelAdmin mixin for tables with a `user`: an action that gives rows to another user.

    The admin has `hand_over(rows, user, form)`, which changes all rows or none, and raises
    ValidationError if the new owner cannot have them.
    """

    new_owner_form = NewOwnerForm

    def changeform_view(self, request, object_id=None, form_url="", extra_context=None):
        """Show or save a row; with an owner who cannot have it nothing is saved."""
        try:
            return super().changeform_view(request, object_id, form_url, extra_context)
        except HandOverRefusedError as error:
            self.message_user(request, str(error), messages.ERROR)
            return redirect(request.get_full_path())

    def hand_over_saved(self, request, obj, form):
        """Hand a row over whose owner a form has changed, with what the form says of its files.

        Raises HandOverRefusedError, which undoes all of it.
        """
        user = form.cleaned_data["user"]
        try:
            self.hand_over([obj], user, form)
        except ValidationError as error:
            raise HandOverRefusedError(" ".join(error.messages)) from None
        texts = [HANDED_OVER % {"user": user}, *map(untranslated, self.hand_over_notes(form))]
        self.log_change(request, obj, "\n".join(texts))

    def hand_over_notes(self, form):
        """Return further sentences, lazy, for the history of a row that was handed over."""
        return []

    def has_hand_over_permission(self, request):
        """Return whether the reader may change rows, and view the users to choose from."""
        users = self.admin_site.get_model_admin(get_user_model())
        return self.has_change_permission(request) and users.has_view_permission(request)

    @admin.action(
        permissions=["hand_over"], description=_("Hand selected %(verbose_name_plural)s over")
    )
    def hand_over_selected(self, request, queryset):
        """Give the rows to another user, once that is confirmed."""
        form = self.new_owner_form(self, request, request.POST if "post" in request.POST else None)
        if form.is_valid():
            rows, user = list(queryset), form.cleaned_data["user"]
            try:
                self.hand_over(rows, user, form)
            except ValidationError as error:
                form.add_error("user", error)
            else:
                text = HANDED_OVER % {"user": user}
                done = ngettext(
                    "%(count)d handed over to %(user)s.",
                    "%(count)d handed over to %(user)s.",
                    len(rows),
                )
                self.log_and_report(request, rows, text, done % {"count": len(rows), "user": user})
                return None
        return confirmation_page(
            self,
            request,
            queryset,
            title=gettext("Hand over to another user"),
            notes=[self.bulk_note(queryset)],
            form=form,
        )
