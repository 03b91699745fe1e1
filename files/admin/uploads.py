"""Unfinished uploads in the admin."""

from django.contrib import admin
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from camp.admin.filters.choices import ChosenFilter
from camp.admin.model_admin import CampModelAdmin
from camp.admin.search import OWNER_FIELDS
from camp.templatetags.camp import readable_bytes, when
from files.models import Upload
from files.uploads.unfinished import UnfinishedUpload, arrived_bytes


@admin.register(Upload)
class UploadAdmin(CampModelAdmin):
    """Unfinished uploads, which can only be deleted."""

    list_display = ["filename", "user", "progress", "created_at", "ends"]
    list_select_related = ["user"]
    list_filter = [("user", ChosenFilter)]
    search_fields = ["id__exact", *OWNER_FIELDS]
    sortable_by = ["created_at"]
    ordering = ["-created_at", "-id"]
    fields = ["filename", "user", "session", "content_type", "progress", "created_at", "ends"]
    readonly_fields = fields

    def get_queryset(self, request):
        """Return the uploads that have not become files."""
        return super().get_queryset(request).filter(file=None)

    def has_add_permission(self, request):
        """Uploads begin on the upload page."""
        return False

    def has_change_permission(self, request, obj=None):
        """Its client decides about an upload."""
        return False

    @admin.display(description=gettext_lazy("ends"), ordering="expires_at")
    def ends(self, upload):
        """Return when it is given up."""
        return when(upload.expires_at)

    @admin.display(description=gettext_lazy("progress"))
    def progress(self, upload):
        """Return how many bytes have arrived, as text."""
        unfinished = UnfinishedUpload(upload, arrived_bytes(upload))
        values = {"done": readable_bytes(unfinished.arrived), "size": readable_bytes(upload.length)}
        return _("%(percent)s%%, %(done)s of %(size)s") % {"percent": unfinished.percent, **values}
