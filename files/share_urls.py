"""The addresses of shared links; not in a namespace, since they stand for themselves."""

from django.urls import path

from files.views import shared

urlpatterns = [
    path("<token>/", shared.page, name="share"),
    path("<token>/zip/", shared.archive, name="share_zip"),
    path("<token>/<int:pk>/", shared.download, name="share_download"),
    # wget saves under the last part of an address.
    path("<token>/zip/<str:name>", shared.archive, name="share_zip"),
    path("<token>/<int:pk>/<str:name>", shared.download, name="share_download"),
]
