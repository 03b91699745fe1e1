"""The root URLconf; with settings.py the only module of camp that names the apps."""

from django.contrib import admin
from django.urls import include, path

from accounts.views import set_language, setup
from camp.web import health
from camp.web.views import home
from files.urls import share_urlpatterns, tus_urlpatterns

urlpatterns = [
    path("", home, name="home"),
    path("language/", set_language, name="set_language"),
    path("setup/<token>/", setup, name="setup"),
    path("accounts/", include("accounts.urls")),
    path("sessions/", include("sessions_app.urls")),
    path("files/", include("files.urls")),
    path("uploads/", include((tus_urlpatterns, "uploads"))),
    path("s/", include(share_urlpatterns)),
    path("admin/", admin.site.urls),
    path("health/live", health.live, name="health_live"),
    path("health/ready", health.ready, name="health_ready"),
]

handler400 = "camp.web.views.bad_request"
handler403 = "camp.web.views.permission_denied"
handler404 = "camp.web.views.not_found"
handler500 = "camp.web.views.server_error"
