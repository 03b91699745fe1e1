"""Deletion in two steps, as on the site: to the trash first, then for good."""

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, DELETION, LogEntry
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.shortcuts import redirect
from django.urls import path, reverse
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from camp.admin.bulk_edit import TrashActionsMixin, confirmation_page
from camp.admin.dashboard import forget_front_page
from camp.admin.log_messages import untranslated
from camp.web.batch_deletion import purge
from camp.web.external_references import describe_references


class TrashFirstMixin(TrashActionsMixin):
    """A ModelAdmin mixin for tables with a trash: only what is in it can be deleted for good.

    The page "delete" moves a row to the trash. The page "purge", and an action, name how much they
    delete for good.
    """

    def get_urls(self):
        view = self.admin_site.admin_view(self.purge_view)
        return [
            path("<path:object_id>/purge/", view, name=self.url_name("purge")),
            *super().get_urls(),
        ]

    def url_name(self, page):
        """Return the name of the address of one of the table's pages."""
        return f"{self.opts.app_label}_{self.opts.model_name}_{page}"

    def page_url(self, page, obj):
        """Return the address of a page of a row."""
        return reverse(f"{self.admin_site.name}:{self.url_name(page)}", args=[quote(obj.pk)])

    def get_actions(self, request):
        """Return the actions, without those that can do nothing in the list as it is filtered."""
        actions = super().get_actions(request)
        useless = {"no": ["restore_selected", "purge_selected"], "yes": ["trash_selected"]}
        for name in ["delete_selected", *useless.get(request.GET.get("trash"), [])]:
            actions.pop(name, None)
        return actions

    def delete_view(self, request, object_id, extra_context=None):
        """Move a row to the trash, once that is confirmed."""
        obj = self.get_object(request, unquote(object_id))
        if obj is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        if not self.has_delete_permission(request, obj):
            raise PermissionDenied
        if obj.deleted_at:
            return redirect(self.page_url("purge", obj))
        if request.method != "POST":
            rows = self.model.objects.filter(pk=obj.pk)
            return self.confirm_trash(request, rows, back=self.page_to_leave(request, obj))
        self.set_deleted_at([obj], timezone.now())
        text = untranslated(_("Moved to the trash."))
        LogEntry.objects.log_actions(request.user.pk, [obj], CHANGE, change_message=text)
        forget_front_page()
        done = gettext("“%(name)s” was moved to the trash. From there it can be restored.")
        self.message_user(request, done % {"name": obj}, messages.SUCCESS)
        return redirect(self.list_url() if self.has_view_permission(request) else "admin:index")

    def page_to_leave(self, request, obj):
        """Return the URL to which "cancel" leads: the row's page, if it may be viewed."""
        if self.has_view_permission(request, obj):
            return self.page_url("change", obj)
        return reverse(f"{self.admin_site.name}:index")

    def purge_view(self, request, object_id):
        """Delete a row of the trash for good, once that is confirmed."""
        obj = self.get_object(request, unquote(object_id))
        if obj is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        if not self.has_delete_permission(request, obj):
            raise PermissionDenied
        if obj.deleted_at is None:
            return redirect(self.page_url("delete", obj))
        rows = self.model.objects.filter(pk=obj.pk)
        page = self.purge_or_confirm(request, rows, back=self.page_to_leave(request, obj))
        return page or redirect(
            self.list_url() if self.has_view_permission(request) else "admin:index"
        )

    @admin.action(
        permissions=["delete"], description=_("Delete selected %(verbose_name_plural)s for good")
    )
    def purge_selected(self, request, queryset):
        """Delete the rows that are in the trash for good, once that is confirmed."""
        rows = queryset.exclude(deleted_at=None)
        others = queryset.filter(deleted_at=None).count()
        if others:
            text = ngettext(
                "%(count)d is not in the trash. Move it there first.",
                "%(count)d are not in the trash. Move them there first.",
                others,
            )
            self.message_user(request, text % {"count": others}, messages.WARNING)
        return self.purge_or_confirm(request, rows) if rows.exists() else None

    def purge_or_confirm(self, request, rows, back=""):
        """Delete rows for good if that is confirmed, else return the page that asks."""
        _named, _counts, needed, _protected = self.get_deleted_objects(rows, request)
        if needed and "post" in request.POST:
            raise PermissionDenied
        if "post" in request.POST:
            self.purge_rows(request, list(rows))
            return None
        what = self.purge_note(rows)
        notes = [gettext("This cannot be undone.")]
        if needed:
            text = gettext("You lack the permission to delete: %(kinds)s.")
            notes = [text % {"kinds": ", ".join(sorted(map(str, needed)))}]
        return confirmation_page(
            self,
            request,
            rows,
            title=gettext("Delete %(what)s for good?") % {"what": what},
            notes=[*notes, *self.trash_notes()],
            submit="" if needed else gettext("Delete %(what)s for good") % {"what": what},
            is_danger=True,
            back=back,
        )

    def purge_rows(self, request, rows):
        """Delete rows for good, write that to the history, and tell the reader."""
        referencing_tables = set()
        keys = [row.pk for row in rows]
        purge(self.model.objects.filter(pk__in=keys), referencing_tables)
        # Without those that other tables refer to, and those that were restored meanwhile.
        left = set(self.get_queryset(request).filter(pk__in=keys).values_list("pk", flat=True))
        gone = [row for row in rows if row.pk not in left]
        text = untranslated(_("Deleted for good."))
        LogEntry.objects.log_actions(request.user.pk, gone, DELETION, change_message=text)
        forget_front_page()
        if gone:
            done = ngettext(
                "%(count)d item was deleted for good.",
                "%(count)d items were deleted for good.",
                len(gone),
            )
            self.message_user(request, done % {"count": len(gone)}, messages.SUCCESS)
        if referencing_tables:
            text = describe_references(sorted(referencing_tables))
            self.message_user(request, text, messages.ERROR)

    def purge_note(self, queryset):
        """Return how much a deletion for good concerns, as text."""
        return self.bulk_note(queryset)
