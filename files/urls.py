"""The addresses of files."""

from django.urls import path

from files.views import (
    attachments,
    download,
    library,
    links,
    previews,
    selection,
    trash,
    unfinished,
    upload,
    versions,
    zips,
)

app_name = "files"
urlpatterns = [
    path("", library.listing, name="list"),
    path("upload/", upload.upload, name="upload"),
    path("upload/unfinished/", unfinished.listing, name="unfinished"),
    path("upload/<uuid:pk>/delete/", unfinished.give_up, name="upload_giveup"),
    path("trash/", trash.listing, name="trash"),
    path("trash/purge/", trash.purge, name="purge"),
    path("selection/", selection.selection, name="selection"),
    path("undo/", selection.undo, name="undo"),
    path("zip/", zips.archive, name="zip"),
    path("links/", links.listing, name="links"),
    path("links/new/", links.new, name="link_new"),
    path("links/<int:pk>/revoke/", links.revoke, name="link_revoke"),
    path("attach/", attachments.attach, name="attach"),
    path("<int:pk>/", library.detail, name="detail"),
    path("<int:pk>/download/", download.download, name="download"),
    path("<int:pk>/inline/", previews.inline, name="inline"),
    path("<int:pk>/thumbnail/", previews.thumbnail, name="thumbnail"),
    path("<int:pk>/rename/", library.rename, name="rename"),
    path("<int:pk>/delete/", library.delete, name="delete"),
    path("<int:pk>/restore/", library.restore, name="restore"),
    path("<int:pk>/detach/", attachments.detach, name="detach"),
    path("<int:pk>/replace/", versions.replace, name="replace"),
    path("<int:pk>/versions/<int:version>/download/", versions.download, name="version_download"),
    path("<int:pk>/versions/<int:version>/restore/", versions.restore, name="version_restore"),
    path("<int:pk>/versions/<int:version>/delete/", versions.delete, name="version_delete"),
]
