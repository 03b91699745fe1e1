"""What a file is that `restore` cannot take, in a sentence that says what to do with it."""

import tarfile

from django.utils.translation import gettext as _

from camp.config import shell

# How files of other kinds begin, longest first: the registry of `file` has the same.
SQLITE = b"SQLite format 3\0"
COMPRESSED = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"\x28\xb5\x2f\xfd": "zstd",
}
ZIP = b"PK"
MANIFEST = "manifest.json"
TAR_DUMP = "toc.dat"  # what `pg_dump -Ft` begins with


def explain_foreign_file(path):
    """Return the sentence for a file that is no backup, or None for what may be one.

    Raises OSError.
    """
    with path.open("rb") as stream:
        head = stream.read(512)
    if not head:
        return fill(_("%(file)s is empty: nothing was done."), path)
    if head.startswith(SQLITE):
        sentence = _(
            "%(file)s is a file of SQLite, not an archive of Camp: nothing was done. To use it, "
            "stop Camp and name it in DATABASE_URL; archives are made with: %(fix)s"
        )
        return fill(sentence, path)
    for magic, program in COMPRESSED.items():
        if head.startswith(magic):
            sentence = _("%(file)s is compressed with %(program)s: unpack it first.")
            return fill(sentence, path, program=program)
    if head.startswith(ZIP):
        sentence = _(
            "%(file)s is a ZIP, not an archive of Camp: nothing was done. If a backup is in it, "
            "unpack it first; archives are made with: %(fix)s"
        )
        return fill(sentence, path)
    return explain_foreign_tar(path)


def explain_foreign_tar(path):
    """Return the sentence for a tar that Camp did not write, else None."""
    try:
        with tarfile.open(path, "r:") as archive:
            first = archive.next()
    except (tarfile.TarError, ValueError):
        return None
    if first is None or first.name == MANIFEST:
        return None
    if first.name == TAR_DUMP:
        sentence = _(
            "%(file)s is a dump in the tar format of pg_dump, which is not read: nothing was "
            "done. Dump it again with pg_dump -Fc."
        )
    else:
        sentence = _(
            "%(file)s is a tar, but not an archive of Camp: nothing was done. Archives are made "
            "with: %(fix)s"
        )
    return fill(sentence, path)


def fill(sentence, path, **values):
    """Return a sentence with the file's name and the command that makes a backup."""
    return sentence % {"file": path, "fix": shell.manage("backup"), **values}
