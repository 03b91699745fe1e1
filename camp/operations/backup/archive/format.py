"""The form of an archive: a POSIX tar that `tar xf` and `sha256sum -c` can read.

Every header is the one that `header` makes for its name and size, what fills up blocks is
zero, and the last member lists the checksums of all others. So there is exactly one right
archive for given members, and a reader can tell any other.
"""

import struct

BLOCK = 512
# The last member; it does not list itself.
SUMS = "SHA256SUMS"
END = bytes(2 * BLOCK)
ZEROS = bytes(BLOCK)
# name, mode, owner, group, size, time, checksum, type, link, magic, version, names of the
# owner and group, device, prefix
FIELDS = struct.Struct("100s8s8s8s12s12s8s1s100s6s2s32s32s8s8s155s12x")
NAME_FIELD = 100
PAX_NAME = b"././@PaxHeader"
REGULAR, PAX = b"0", b"x"
# The largest size in the octal digits of the classic field; beyond, it is binary.
LARGEST_OCTAL = 8**11 - 1
# Of a name's record: rows hold 500 characters of up to 4 bytes.
LARGEST_RECORD = 4096
# What between two slashes is no name.
NO_NAMES = {"", ".", ".."}


class Damaged(Exception):
    """An archive that is not what was packed; the message is one sentence for a person."""


def header(name, size, mtime):
    """Return the blocks that stand before a member's bytes.

    A name that is long or not ASCII takes a record of its own before the classic header.
    """
    raw = name.encode()
    if len(raw) <= NAME_FIELD and raw.isascii():
        return _block(raw, size, mtime, REGULAR)
    record = _record(b"path=" + raw + b"\n")
    short = name.encode("ascii", "replace")[:NAME_FIELD]
    return b"".join(
        [
            _block(PAX_NAME, len(record), mtime, PAX),
            record,
            bytes(padding(len(record))),
            _block(short, size, mtime, REGULAR),
        ]
    )


def _block(name, size, mtime, kind):
    octal = size <= LARGEST_OCTAL
    digits = b"%011o\0" % size if octal else b"\x80" + size.to_bytes(11, "big")
    fields = [name, b"0000600\0", b"0000000\0", b"0000000\0", digits, b"%011o\0" % mtime]
    rest = [kind, b"", b"ustar\0", b"00", b"", b"", b"0000000\0", b"0000000\0", b""]
    total = sum(FIELDS.pack(*fields, b" " * 8, *rest))
    return FIELDS.pack(*fields, b"%06o\0 " % total, *rest)


def _record(text):
    """Return a pax record: its own length in digits, a space, the text."""
    length = len(text) + 1
    while length != len(text) + 1 + len(str(length)):
        length = len(text) + 1 + len(str(length))
    return b"%d %s" % (length, text)


def parse(block):
    """Return (name, size, time, kind) as they stand in a header's block; may raise ValueError.

    Whether all of the block is right shows when it is compared with what `header` makes.
    """
    if len(block) != BLOCK:
        raise ValueError("not a block")
    name, _mode, _owner, _group, size, mtime, _sum, kind, *_rest = FIELDS.unpack(block)
    binary = size[:1] == b"\x80"
    number = int.from_bytes(size[1:], "big") if binary else int(size[:11], 8)
    return name.rstrip(b"\0").decode("ascii"), number, int(mtime[:11], 8), kind


def parse_record(record):
    """Return the name in a pax record; may raise ValueError."""
    return record.partition(b"=")[2].removesuffix(b"\n").decode()


def padding(size):
    """Return how many zeros fill up the last block of a member."""
    return -size % BLOCK


def sums_line(digest, name):
    """Return a member's line in the list of checksums, as `sha256sum` writes it."""
    escaped = name.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")
    mark = "\\" if escaped != name else ""
    return f"{mark}{digest}  {escaped}\n".encode()


def is_safe(name):
    """Return whether a member's name, or a storage path, stays below the folder it belongs in.

    Only one spelling of a path is: two of the same one would meet there.
    """
    return (
        not NO_NAMES & set(name.split("/"))
        and ".." not in name.replace("\\", "/").split("/")
        and not name.startswith((".", "\\"))
        and name[1:2] != ":"
        and "\0" not in name
    )
