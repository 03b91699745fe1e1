"""Files in the admin."""

from django import forms
from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Count, OuterRef, Q, Subquery, Sum
from django.http import Http404
from django.urls import path, reverse
from django.utils.decorators import method_decorator
from django.utils.html import format_html, format_html_join
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_safe

from camp.admin.bulk_edit import HandOverMixin
from camp.admin.dashboard import (
    COUNTED,
    Figure,
    counts_by_day,
    readable_capped_count,
    readable_number,
)
from camp.admin.export import exported
from camp.admin.filters.choices import ChosenFilter, OwnerFilter, TrashFilter, filter_parameter
from camp.admin.metadata import OldMetadataMixin
from camp.admin.model_admin import CampModelAdmin, CappedCount, RelatedCount
from camp.admin.purge import TrashFirstMixin
from camp.admin.search import OWNER_FIELDS
from camp.admin.visibility import link_to
from camp.fs.filenames import clean_filename
from camp.templatetags.camp import readable_bytes, when
from files.admin.usage import readable_usage, usage_of_page
from files.content_types import Kind
from files.library import quota
from files.library.hand_over import hand_over_files
from files.models import File, Version
from files.serving.downloads import file_response
from sessions_app.models import Session


class KindFilter(admin.SimpleListFilter):
    """Filter by kind."""

    title = gettext_lazy("kind")
    parameter_name = "kind"

    def lookups(self, request, model_admin):
        return Kind.choices

    def queryset(self, request, queryset):
        return queryset.of_kind(self.value()) if self.value() in Kind.values else queryset


class FileForm(forms.ModelForm):
    """What organisers may change of a file; not its bytes."""

    RELATIONS = ("session", "user")

    class Meta:
        model = File
        fields = ["filename", "user", "session"]

    def clean_filename(self):
        """Return the name as Camp keeps it; refuses one without visible characters."""
        name = clean_filename(self.cleaned_data["filename"], fallback="")
        if not name:
            raise forms.ValidationError(_("Give it a name."))
        return name

    def clean(self):
        data = super().clean()
        # What the reader may not view is not in the form.
        session, user = (data.get(name, getattr(self.instance, name)) for name in self.RELATIONS)
        changed = {*self.RELATIONS} & {*self.changed_data}
        foreign = session and user and session.user_id != user.pk and changed
        if foreign and not Session.objects.writable_by(user).filter(pk=session.pk).exists():
            field = "session" if "session" in self.fields else None
            self.add_error(field, _("The session and the file belong to different users."))
        return data


@admin.register(File)
class FileAdmin(OldMetadataMixin, TrashFirstMixin, HandOverMixin, CampModelAdmin):
    """Find, rename, reassign, download and delete files."""

    form = FileForm
    list_display = ["name", "kind", "readable_size", "created_at"]
    sortable_by = ["name", "readable_size", "created_at"]
    list_filter = [
        ("user", ChosenFilter),
        ("session", ChosenFilter),
        OwnerFilter,
        TrashFilter,
        KindFilter,
        "created_at",
    ]
    list_select_related = ["user", "session"]
    actions = ["trash_selected", "restore_selected", "purge_selected", "hand_over_selected"]
    search_fields = [
        "search_text__contains",
        "id__exact",
        "sha256__exact",
        "storage_path__exact",
        "session__session_id__exact",
        *OWNER_FIELDS,
    ]
    in_site_search = True
    ordering = ["-created_at", "-id"]
    autocomplete_fields = ["user", "session"]
    front_page_days_label = gettext_lazy("Files uploaded")
    fieldsets = [
        (None, {"fields": ["filename", "folder", "user", "session", "download"]}),
        (
            gettext_lazy("Content"),
            {"fields": ["kind", "content_type", "readable_size", "sha256", "storage_path"]},
        ),
        (gettext_lazy("Earlier versions"), {"fields": ["versions"]}),
        (gettext_lazy("Dates"), {"fields": ["created_at", "replaced_at", "deleted_at"]}),
    ]
    readonly_fields = [
        "folder",
        "kind",
        "content_type",
        "readable_size",
        "sha256",
        "storage_path",
        "created_at",
        "replaced_at",
        "deleted_at",
        "download",
        "versions",
    ]

    def autocomplete_label(self, file):
        """Return the name with the owner, because names repeat."""
        return f"{file} ({file.user or _('nobody')})"

    # In the order of people's own pages, for which there is an index.
    @exported("filename")
    @admin.display(description=gettext_lazy("name"), ordering="search_text")
    def name(self, file):
        """Return the file's name."""
        return file.filename

    @admin.display(description=gettext_lazy("kind"))
    def kind(self, file):
        """Return the name of the kind."""
        return file.kind.label

    @exported("size", gettext_lazy("size in bytes"))
    @admin.display(description=gettext_lazy("size"), ordering="size")
    def readable_size(self, file):
        """Return the size in a readable unit."""
        return readable_bytes(file.size)

    @admin.display(description=gettext_lazy("earlier versions"))
    def versions(self, file):
        """Return the earlier versions, one per line: time, size and checksum."""
        lines = (
            (when(version.since), readable_bytes(version.size), version.sha256)
            for version in file.versions.all()
        )
        return format_html_join(mark_safe("<br>"), "{} · {} · {}", lines) or (
            self.get_empty_value_display()
        )

    @admin.display(description=gettext_lazy("download"))
    def download(self, file):
        """Return the link that downloads the file."""
        url = reverse(f"{self.admin_site.name}:files_file_download", args=[file.pk])
        return format_html('<a href="{}" download>{}</a>', url, _("Download"))

    def get_list_display(self, request):
        name, *rest = super().get_list_display(request)
        links = [link_to(self, request, "user"), link_to(self, request, "session")]
        in_trash = request.GET.get(TrashFilter.parameter_name) == "yes"
        deleted = [self.format_datetimes("deleted_at")] if in_trash else []
        return [name, *links, *rest, *deleted]

    def has_add_permission(self, request):
        # A row without bytes would be a broken file.
        return False

    def get_urls(self):
        view = self.admin_site.admin_view(self.download_view)
        return [
            path("<path:object_id>/download/", view, name="files_file_download"),
            *super().get_urls(),
        ]

    @method_decorator(require_safe)
    def download_view(self, request, object_id):
        """Send the file's bytes, also from the trash."""
        file = self.get_object(request, unquote(object_id))
        if not self.has_view_permission(request, file):
            raise PermissionDenied
        if file is None:
            raise Http404
        return file_response(request, file)

    def save_model(self, request, obj, form, change):
        if change and "user" in form.changed_data:
            self.hand_over_saved(request, obj, form)
        super().save_model(request, obj, form, change)

    def bulk_note(self, queryset):
        """Return the number of some files, and their bytes."""
        return f"{super().bulk_note(queryset)}, {readable_bytes(bytes_with_versions(queryset))}"

    def set_deleted_at(self, rows, moment):
        """Do so, and tell the open pages of the files' sessions."""
        with transaction.atomic():
            File.objects.filter(pk__in=[row.pk for row in rows]).mark_sessions_changed()
            super().set_deleted_at(rows, moment)

    def hand_over(self, files, user, form):
        """Give files to another user, all or none of them."""
        hand_over_files(File.objects.filter(pk__in=[file.pk for file in files]), user)

    def purge_note(self, queryset):
        """Return the number of some files, and the bytes that their deletion frees."""
        return f"{super().bulk_note(queryset)} ({readable_bytes(bytes_with_versions(queryset))})"

    def deletion_note(self, queryset, count, model, keys):
        """Return how much a deletion frees, for its confirmation page.

        The sum of users with very many files may be a minute old.
        """
        if count > COUNTED and model is File._meta.get_field("user").related_model:
            size = sum(quota.bytes_used(user) for user in model.objects.filter(pk__in=keys))
        else:
            size = bytes_with_versions(queryset)
        return f"{readable_capped_count(count)} ({readable_bytes(size)})"

    def related_counts(self, model):
        """Return the number of a user's or session's files, and the bytes of a user's."""
        relation = {
            File._meta.get_field("user").remote_field.model: "user",
            Session: "session",
        }.get(model)
        if not relation:
            return []
        url = self.list_url(f"?{filter_parameter(relation)}=")
        count = CappedCount(File.objects, relation)
        number = RelatedCount("files_kept", _("Files"), count, url=url)
        stored = RelatedCount(
            "bytes_kept",
            _("Stored"),
            compute=usage_of_page,
            readable=readable_usage,
            export_label=_("Stored bytes"),
        )
        return [number, stored] if relation == "user" else [number]

    def front_page_numbers(self):
        """Return the number of all files, of those in the trash, and all bytes."""
        numbers = File.objects.aggregate(
            all=Count("pk"),
            trashed=Count("pk", filter=Q(deleted_at__isnull=False)),
            bytes=Sum("size", default=0),
        )
        return numbers | {"bytes": numbers["bytes"] + bytes_of(Version.objects)}

    def activity_time(self):
        """Return an expression for the time of a user's last upload."""
        files = File.objects.filter(user=OuterRef("pk")).order_by("-created_at", "-id")
        return Subquery(files.values("created_at")[:1])

    def front_page_figures(self, numbers):
        """Return the number of files and their bytes for the front page."""
        note = ngettext("%(count)s in the trash", "%(count)s in the trash", numbers["trashed"])
        note = note % {"count": readable_number(numbers["trashed"])}
        return [
            Figure(
                _("Files"),
                readable_number(numbers["all"]),
                note if numbers["trashed"] else "",
                self.list_url(),
            ),
            Figure(_("Stored"), readable_bytes(numbers["bytes"])),
        ]

    def front_page_days(self, since):
        """Return the uploads of the last days for the front page."""
        return counts_by_day(File.objects.all(), "created_at", since)


def bytes_with_versions(files):
    """Return the bytes of some files, with those of their earlier versions."""
    return bytes_of(files) + bytes_of(Version.objects.filter(file__in=files))


def bytes_of(rows):
    """Return the sum of the sizes of some rows."""
    return rows.aggregate(bytes=Sum("size", default=0))["bytes"]
