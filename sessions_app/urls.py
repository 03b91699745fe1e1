"""The URLs of sessions."""

from django.urls import path, register_converter

from sessions_app.converters import SessionIdConverter
from sessions_app.views import announcements, changes, exports, members, messages, sessions

register_converter(SessionIdConverter, "session_id")

app_name = "sessions"
urlpatterns = [
    path("", sessions.listing, name="list"),
    path("new/", sessions.new, name="new"),
    path("<session_id:session_id>/", messages.detail, name="detail"),
    path("<session_id:session_id>/rename/", sessions.rename, name="rename"),
    path("<session_id:session_id>/delete/", sessions.delete, name="delete"),
    path("<session_id:session_id>/restore/", sessions.restore, name="restore"),
    path("<session_id:session_id>/announce/", announcements.announce, name="announce"),
    path("<session_id:session_id>/withdraw/", announcements.withdraw, name="withdraw"),
    path("<session_id:session_id>/changes/", changes.changes, name="changes"),
    path("<session_id:session_id>/messages/", messages.create, name="message_create"),
    path("<session_id:session_id>/messages/<int:pk>/", messages.show, name="message"),
    path("<session_id:session_id>/messages/<int:pk>/edit/", messages.edit, name="message_edit"),
    path(
        "<session_id:session_id>/messages/<int:pk>/delete/",
        messages.delete,
        name="message_delete",
    ),
    path(
        "<session_id:session_id>/messages/<int:pk>/restore/",
        messages.restore,
        name="message_restore",
    ),
    path("<session_id:session_id>/members/", members.members, name="members"),
    path("<session_id:session_id>/members/leave/", members.leave, name="leave"),
    path("<session_id:session_id>/members/<int:pk>/", members.change, name="member_change"),
    path("<session_id:session_id>/members/<int:pk>/remove/", members.remove, name="member_remove"),
    path(
        "<session_id:session_id>/members/<int:pk>/hand-over/",
        members.hand_over,
        name="member_hand_over",
    ),
    path("<session_id:session_id>/export.md", exports.as_markdown, name="export_markdown"),
    path("<session_id:session_id>/export.json", exports.as_json, name="export_json"),
]
