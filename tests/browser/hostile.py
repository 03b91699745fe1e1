"""Files that would run in Camp's origin if they could, and a server that lets them."""

import base64
import contextlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple

# A canary by name, by title, by request: one of them is seen wherever it runs.
# No & and no <: it stands in XML too.
RUN = "self.canary?.();if(self.document)document.title='canary';fetch('/canary');"
SVG_NS = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
XHTML_NS = 'xmlns="http://www.w3.org/1999/xhtml"'
SCRIPT = f"<script>{RUN}</script>"
HTML = f'<!doctype html>{SCRIPT}<img src="/canary" onerror="{RUN}">'
SVG = (
    f'<svg {SVG_NS} onload="{RUN}"><script>{RUN}</script><script xlink:href="/canary"/>'
    f'<foreignObject><iframe {XHTML_NS} src="/canary"/></foreignObject>'
    f'<a xlink:href="javascript:{RUN}"><text y="20">Press</text></a></svg>'
)
ENTITY = (
    f'<!DOCTYPE svg [<!ENTITY run "<script>{RUN}</script>">'
    f'<!ENTITY out SYSTEM "/canary">]><svg {SVG_NS}>&run;&out;</svg>'
)
XHTML = f"<html {XHTML_NS}><body>{SCRIPT}</body></html>"
XSLT = (
    '<?xml version="1.0"?><?xml-stylesheet type="text/xsl" href="#x"?><!DOCTYPE d ['
    '<!ATTLIST xsl:stylesheet id ID #REQUIRED>]><d><xsl:stylesheet id="x" version="1.0" '
    'xmlns:xsl="http://www.w3.org/1999/XSL/Transform"><xsl:template match="/">'
    f"<html><body>{SCRIPT}</body></html></xsl:template></xsl:stylesheet></d>"
)
# Chromium's viewer, which is a place of its own, would show an alert: that says nothing.
PDF_JS = "this.submitForm('/canary');app.launchURL('/canary');this.getURL('javascript:canary()');"
PDF = (
    "%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R/OpenAction<</S/JavaScript/JS("
    + PDF_JS.replace("(", r"\(").replace(")", r"\)")
    + ")>>>>endobj\n2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj\n"
    "3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]/AA<</O<</S/URI/URI(/canary)>>>>>>endobj\n"
    "trailer<</Root 1 0 R>>\n%%EOF\n"
)
GIF_JS = "GIF89a=1/*" + "\0" * 8 + f"*/;{RUN}"
JPEG_HTML = "\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0" + HTML
MHTML = (
    "MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary=b\r\n\r\n--b\r\n"
    f"Content-Type: text/html\r\nContent-Location: /x\r\n\r\n{HTML}\r\n--b--\r\n"
)
REPLACE = f"--b\r\nContent-Type: text/html\r\n\r\n{HTML}\r\n--b--\r\n"
MARKDOWN = (
    f"{HTML}\n\n[a](javascript:canary()) ![b](/canary) <a href='javascript:canary()'>c</a>\n\n"
    "[d]: data:text/html,x\n[d] <javascript:canary()> ![e](x\" onerror=\"canary() 'f')\n"
)
STYLE = "html{background:url(/canary)}body{display:none}"
NAME = "<img src=x onerror=canary()>'--><script>canary()<!--.txt"


class Hostile(NamedTuple):
    """A file as it is uploaded."""

    name: str
    type: str  # as declared
    content: str  # of Latin-1
    # How it runs where nothing prevents it: opened, as a script, or not in Chromium.
    runs: str = ""
    runs_as: str | None = None  # the type that it runs as, where that is another; "" for none


FILES = [
    Hostile("a.svg", "image/svg+xml", SVG, "opened"),
    Hostile("entity.svg", "image/svg+xml", ENTITY, "opened"),
    Hostile("a.html", "text/html", HTML, "opened"),
    Hostile("html.png", "text/html", HTML, "opened"),
    Hostile("png.html", "image/png", HTML, "opened", ""),
    Hostile("pdf.html", "application/pdf", HTML, "opened", ""),
    Hostile("video.html", "video/mp4", HTML, "opened", ""),
    Hostile("audio.html", "audio/mpeg", HTML, "opened", ""),
    Hostile("text.html", "text/plain", HTML, "opened", ""),
    Hostile("svg.jpg", "image/jpeg", SVG, "opened", "image/svg+xml"),
    Hostile("a.xhtml", "application/xhtml+xml", XHTML, "opened"),
    Hostile("a.xml", "text/xml", XHTML, "opened"),
    Hostile("style.xml", "application/xml", XSLT, "opened"),
    Hostile("a.pdf", "application/pdf", PDF),
    Hostile("polyglot.pdf", "application/pdf", PDF + HTML, "opened", "text/html"),
    Hostile("gif.js", "image/gif", GIF_JS, "script", "text/javascript"),
    Hostile("js.gif", "text/javascript", GIF_JS, "script"),
    Hostile("jpeg.html", "image/jpeg", JPEG_HTML, "opened", "text/html"),
    Hostile("a.mhtml", "multipart/related", MHTML, "opened", "text/html"),
    Hostile("a.mixed", "multipart/x-mixed-replace", REPLACE, "opened", "text/html"),
    Hostile("a.js", "text/javascript", RUN, "script"),
    Hostile("a.mjs", "application/javascript", RUN, "script"),
    Hostile("none.js", "application/octet-stream", RUN, "script", ""),
    Hostile("a.css", "text/css", STYLE),
    Hostile("a.md", "text/markdown", MARKDOWN, "opened", "text/html"),
    Hostile(NAME, "text/plain", HTML, "opened", ""),
]


def as_json(file):
    """Return a file as JavaScript takes it."""
    content = base64.b64encode(file.content.encode("latin-1")).decode("ascii")
    return {"name": file.name, "type": file.type, "content": content}


class Careless(BaseHTTPRequestHandler):
    """Sends FILES by number, as what they say they are, with nothing that holds them back."""

    def do_GET(self):
        word = self.path.strip("/")
        file = FILES[int(word)] if word.isdecimal() else Hostile("", "text/html", "")
        kind = file.type if file.runs_as is None else file.runs_as
        self.send_response(200)
        if kind:
            self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(file.content.encode("latin-1"))

    def log_message(self, *arguments):
        """Keep quiet."""


@contextlib.contextmanager
def careless_server():
    """Run a Careless server; gives its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Careless) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
