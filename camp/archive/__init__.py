"""Camp's archives: an uncompressed tar in which no byte can change unseen.

`Writer` packs, `Reader` unpacks; what both agree on is in camp/archive/form.py.
"""

from camp.archive.form import SUMS, Damaged, is_safe
from camp.archive.part import Part, remove_stale
from camp.archive.reader import Member, Reader
from camp.archive.writer import Writer

__all__ = ["SUMS", "Damaged", "Member", "Part", "Reader", "Writer", "is_safe", "remove_stale"]
