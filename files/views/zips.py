"""Taking several files away at once."""

from django.contrib.auth.decorators import login_required
from django.db.models.functions import Lower
from django.http import Http404
from django.utils import timezone
from django.views.decorators.http import require_safe

from camp.web.errors import error_response
from files.library.lookup import own_session_named
from files.library.selection import keys
from files.models import File
from files.serving.zips import MOST, zip_response


@require_safe
@login_required
def archive(request):
    """Send files as one ZIP: those of the `session`, or those with the given `id`s."""
    files = File.objects.visible_to(request.user)
    session = own_session_named(request.user, request.GET.get("session", ""))
    if session is not None:
        files, name = files.filter(session=session), f"{session}.zip"
    else:
        files = files.filter(pk__in=keys(request.GET.getlist("id")))
        name = f"camp_{timezone.localdate():%Y%m%d}.zip"
    found = list(files.order_by(Lower("filename"), "pk")[: MOST + 1])
    if not found:
        raise Http404
    if len(found) > MOST:
        return error_response(request, 413)
    return zip_response(found, name)
