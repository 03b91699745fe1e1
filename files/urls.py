"""The addresses of files, of resumable uploads and of shared links."""

from django.urls import path

from files.views import download, library, selection, shares, trash, tus, upload, versions

app_name = "files"
urlpatterns = [
    path("", library.listing, name="list"),
    path("upload/", upload.upload, name="upload"),
    path("upload/unfinished/", upload.unfinished_uploads, name="unfinished"),
    path("upload/<uuid:pk>/delete/", upload.remove_upload, name="upload_giveup"),
    path("trash/", trash.listing, name="trash"),
    path("trash/purge/", trash.purge, name="purge"),
    path("selection/", selection.selection, name="selection"),
    path("undo/", selection.undo, name="undo"),
    path("attach/", selection.attach, name="attach"),
    path("zip/", download.archive, name="zip"),
    path("links/", shares.listing, name="links"),
    path("links/new/", shares.new, name="link_new"),
    path("links/<int:pk>/revoke/", shares.revoke, name="link_revoke"),
    path("<int:pk>/", library.detail, name="detail"),
    path("<int:pk>/download/", download.download, name="download"),
    path("<int:pk>/inline/", download.inline, name="inline"),
    path("<int:pk>/thumbnail/", download.thumbnail, name="thumbnail"),
    path("<int:pk>/rename/", library.rename, name="rename"),
    path("<int:pk>/delete/", library.delete, name="delete"),
    path("<int:pk>/restore/", library.restore, name="restore"),
    path("<int:pk>/detach/", selection.detach, name="detach"),
    path("<int:pk>/replace/", versions.replace, name="replace"),
    path("<int:pk>/versions/<int:version>/download/", versions.download, name="version_download"),
    path("<int:pk>/versions/<int:version>/restore/", versions.restore, name="version_restore"),
    path("<int:pk>/versions/<int:version>/delete/", versions.delete, name="version_delete"),
]

tus_urlpatterns = [
    path("", tus.uploads, name="uploads"),
    path("<uuid:pk>/", tus.upload, name="upload"),
]

share_urlpatterns = [
    path("<token>/", shares.shared_page, name="share"),
    path("<token>/zip/", shares.shared_archive, name="share_zip"),
    path("<token>/<int:pk>/", shares.shared_download, name="share_download"),
    path("<token>/<int:pk>/thumbnail/", shares.shared_thumbnail, name="share_thumbnail"),
    # wget saves under the last part of an address.
    path("<token>/zip/<str:name>", shares.shared_archive, name="share_zip"),
    path("<token>/<int:pk>/<str:name>", shares.shared_download, name="share_download"),
]
