"""The pictures before and after one, in the list from which somebody came to its page."""

from camp.db.keyset import reverse_key, rows_after
from files.content_types import Kind
from files.library.listing import SORTS, FileFilter, sort_of
from files.models import File


def place_query(params):
    """Return the query string that names a list by its filters, session and order; or ""."""
    place = {**FileFilter(params).fields(), "session": params.get("session", "")}
    place["sort"] = params.get("sort", "")
    kept = params.copy()
    kept.clear()
    kept.update({name: value for name, value in place.items() if value})
    return f"?{kept.urlencode()}" if kept else ""


class PictureNeighbours:
    """The pictures `before` and `after` a picture in a list of its owner's files, or None.

    The list is that of the query parameters, as FileList has it. Two queries.
    """

    def __init__(self, file, params):
        self.query = place_query(params)
        files = FileFilter(params).apply(File.objects.visible_to(file.user_id))
        files = files.of_kind(Kind.IMAGE)
        if session_id := params.get("session", "").replace("\0", ""):
            files = files.filter(session__session_id=session_id)
        keys = SORTS[sort_of(params)][1]
        self.after = self.first_after(file, files, keys)
        self.before = self.first_after(file, files, [reverse_key(key) for key in keys])

    def first_after(self, file, files, keys):
        """Return the first of some files that comes after `file` in the order of `keys`."""
        values = [getattr(file, key.lstrip("-")) for key in keys]
        return files.filter(rows_after(keys, values)).order_by(*keys).first()
