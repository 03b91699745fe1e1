"""The addresses of resumable uploads."""

from django.urls import path

from files.views import tus

app_name = "uploads"
urlpatterns = [
    path("", tus.uploads, name="uploads"),
    path("<uuid:pk>/", tus.upload, name="upload"),
]
