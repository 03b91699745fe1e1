"""Camp's archives: an uncompressed tar in which no byte can change unseen.

`Writer` packs, `Reader` unpacks; what both agree on is in camp/operations/backup/archive/format.py.
"""

from camp.fs.atomic import Part, remove_stale
from camp.operations.backup.archive.format import SUMS, Damaged, is_safe
from camp.operations.backup.archive.reader import Member, Reader
from camp.operations.backup.archive.writer import Writer

__all__ = ["SUMS", "Damaged", "Member", "Part", "Reader", "Writer", "is_safe", "remove_stale"]
