"""The pictures before and after one, in the list from which somebody came to its page."""

from camp.db.keyset import reverse_key, rows_after
from files.content_types import Kind
from files.library.listing import SORTS, FileFilter, sort_of
from files.models import File
from sessions_app.models import Session


def place_query(params):
    """Return the query string that names a list by its filters, session and order; or ""."""
    place = {**FileFilter(params).fields(), "session": params.get("session", "")}
    place["sort"] = params.get("sort", "")
    kept = params.copy()
    kept.clear()
    kept.update({name: value for name, value in place.items() if value})
    return f"?{kept.urlencode()}" if kept else ""


class PictureNeighbours:
    """The pictures `before` and `after` a picture in a list that `reader` sees, or None.

    The list is that of the query parameters, as FileList has it; for a file of somebody else at
    least that of its session. Two queries, and one for a session.
    """

    def __init__(self, file, reader, params):
        self.query = place_query(params)
        chosen = FileFilter(params)
        session_id = params.get("session", "").replace("\0", "")
        if not session_id and not chosen.is_shared and file.user_id != reader.pk:
            session_id = file.session.session_id
        if session_id:
            session = Session.objects.visible_to(reader).filter(session_id=session_id).first()
            files = File.objects.present().filter(session=session or -1)
        elif chosen.is_shared:
            files = File.objects.found_by_session(reader)
        else:
            files = File.objects.owned_by(reader)
        files = chosen.apply(files).of_kind(Kind.IMAGE)
        keys = SORTS[sort_of(params)][1]
        self.after = self.first_after(file, files, keys)
        self.before = self.first_after(file, files, [reverse_key(key) for key in keys])

    def first_after(self, file, files, keys):
        """Return the first of some files that comes after `file` in the order of `keys`."""
        values = [getattr(file, key.lstrip("-")) for key in keys]
        return files.filter(rows_after(keys, values)).order_by(*keys).first()
