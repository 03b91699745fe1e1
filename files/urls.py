"""The addresses of files."""

from django.urls import path

from files.views import attachments, download, library, trash, upload, zips

app_name = "files"
urlpatterns = [
    path("", library.listing, name="list"),
    path("upload/", upload.upload, name="upload"),
    path("trash/", trash.listing, name="trash"),
    path("trash/purge/", trash.purge, name="purge"),
    path("zip/", zips.archive, name="zip"),
    path("attach/", attachments.attach, name="attach"),
    path("<int:pk>/", library.detail, name="detail"),
    path("<int:pk>/download/", download.download, name="download"),
    path("<int:pk>/rename/", library.rename, name="rename"),
    path("<int:pk>/delete/", library.delete, name="delete"),
    path("<int:pk>/restore/", library.restore, name="restore"),
    path("<int:pk>/detach/", attachments.detach, name="detach"),
]
