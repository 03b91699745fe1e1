"""Forms with files, whose names are kept as they are, with their folders."""

import re

from django.http import multipartparser
from django.http.multipartparser import MultiPartParser

# Bytes of the headers of a file in a form. Django has no setting for it; its 1 KiB is a path of 300
# Japanese characters. A folder of MAX_FOLDER characters and a name fit into this in any encoding.
multipartparser.MAX_TOTAL_HEADER_SIZE = 16 * 2**10

# How browsers write quotation marks and line ends inside a name:
# https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#multipart-form-data
ESCAPES = {"%22": '"', "%0D": "\r", "%0A": "\n"}
ESCAPED = re.compile("|".join(ESCAPES))


class PathKeepingParser(MultiPartParser):
    """Django's parser, but file names keep all their characters, and their folders.

    Django's own decodes HTML entities (`a&amp;b.txt` is a name) and drops characters that it
    calls unprintable, among them the ideographic space of many Japanese names. Browsers send the
    path of a file in a folder that was chosen.
    """

    def sanitize_file_name(self, file_name: str) -> str:
        """Return the path as it was sent; whoever receives it must clean it."""
        return ESCAPED.sub(lambda match: ESCAPES[match[0]], file_name)
