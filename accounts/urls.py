"""The URLs of accounts."""

from django.urls import path

from accounts.views import current, log_in, news, passwords, profile, sign_up

app_name = "accounts"

urlpatterns = [
    path("login/", log_in.LoginView.as_view(), name="login"),
    path("logout/", log_in.LogoutView.as_view(), name="logout"),
    path("current/", current.current, name="current"),
    path("signup/", sign_up.signup, name="signup"),
    path("profile/", profile.profile, name="profile"),
    path("password/change/", passwords.ChangeView.as_view(), name="password_change"),
    path("password/change/done/", passwords.ChangeDoneView.as_view(), name="password_change_done"),
    path("password/reset/", passwords.ResetView.as_view(), name="password_reset"),
    path("password/reset/done/", passwords.ResetDoneView.as_view(), name="password_reset_done"),
    path(
        "password/reset/complete/",
        passwords.ResetCompleteView.as_view(),
        name="password_reset_complete",
    ),
    path(
        "password/reset/<uidb64>/<token>/",
        passwords.ResetConfirmView.as_view(),
        name="password_reset_confirm",
    ),
    path("news/stop/<token>/", news.stop, name="news_stop"),
    path("delete/", profile.delete, name="delete"),
]
