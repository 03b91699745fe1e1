"""A session in the admin, readable as its owner sees it."""

from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_safe

from sessions_app.models import Message, Session
from sessions_app.reading import message_page

# For organisers "You" would be the wrong word.
ROLES = [
    (Message.Role.USER, gettext_lazy("User")),
    (Message.Role.ASSISTANT, gettext_lazy("Assistant")),
    (Message.Role.SYSTEM, gettext_lazy("System")),
]


class ReadingMixin:
    """A mixin for the ModelAdmin of sessions."""

    def get_urls(self):
        view = self.admin_site.admin_view(self.read_view)
        return [
            path("<path:object_id>/read/", view, name="sessions_app_session_read"),
            *super().get_urls(),
        ]

    @method_decorator(require_safe)
    def read_view(self, request, object_id):
        """Show the messages, and the files to those who may view files; also from the trash."""
        session = self.get_object(request, unquote(object_id))
        messages = self.admin_site.get_model_admin(Message)
        if not self.has_view_permission(request, session) or not messages.has_view_permission(
            request
        ):
            raise PermissionDenied
        if session is None:
            raise Http404
        files = self.admin_site.get_model_admin(Session._meta.get_field("files").related_model)
        page, shown = message_page(session, request.GET, Message.objects.filter(session=session))
        context = {
            "session": session,
            "page": page,
            "shown": shown,
            "may_view_files": files.has_view_permission(request),
        }
        return TemplateResponse(request, "admin/sessions_app/session/read.html", context)
