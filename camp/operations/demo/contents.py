"""The bytes of sample files: small and valid."""

import csv
import io
import json
import math
import struct
import wave
import zipfile
import zlib
from collections.abc import Callable
from functools import cache
from random import Random

from PIL import Image, ImageDraw, ImageOps

from camp.operations.demo.texts import TEXTS, Texts

VARIANTS = 12  # contents of each kind and language
SKIES = [("#5ea0d6", "#deeef6"), ("#f4a261", "#fde2be"), ("#3f4c77", "#beaac8")]
HILLS = [("#6c8c96", "#487060", "#2e543a"), ("#82788c", "#5c586e", "#3a3e4a")]
# Objects 3 to 5 of every PDF: a Japanese font that viewers supply themselves.
PDF_FONT = [
    b"<< /Type /Font /Subtype /Type0 /BaseFont /HeiseiKakuGo-W5 /Encoding /UniJIS-UTF16-H "
    b"/DescendantFonts [4 0 R] >>",
    b"<< /Type /Font /Subtype /CIDFontType0 /BaseFont /HeiseiKakuGo-W5 /DW 1000 "
    b"/W [1 [278] 2 95 500] /FontDescriptor 5 0 R "
    b"/CIDSystemInfo << /Registry (Adobe) /Ordering (Japan1) /Supplement 2 >> >>",
    b"<< /Type /FontDescriptor /FontName /HeiseiKakuGo-W5 /Flags 4 /FontBBox [-92 -250 1010 922] "
    b"/ItalicAngle 0 /Ascent 752 /Descent -221 /CapHeight 737 /StemV 114 >>",
]


Builder = Callable[[Random, Texts], bytes]


@cache
def make_content(language: str, kind: str, variant: int) -> tuple[bytes, str]:
    """Return (bytes, media type) of a kind of file; the same arguments give the same bytes."""
    build, media_type = KINDS[kind]
    return build(Random(f"{language} {kind} {variant}"), TEXTS[language]), media_type  # noqa: S311


def make_markdown(random: Random, texts: Texts) -> bytes:
    parts = []
    for heading in random.sample(texts["headings"], random.randint(3, 6)):
        parts += [f"## {heading}", "\n".join(random.sample(texts["sentences"], 5))]
        if random.random() < 0.5:
            items = random.sample(texts["items"], 4)
            parts.append("\n".join(f"- [{random.choice('x ')}] {item}" for item in items))
    return ("\n\n".join(parts) + "\n").encode()


def make_list(random: Random, texts: Texts) -> bytes:
    items = random.sample(texts["items"], random.randint(4, 8))
    return "".join(f"{item}\t{random.randint(1, 30)}\n" for item in items).encode()


def make_table(name: str) -> Builder:
    """Return a function that makes a CSV file with the columns of that name."""

    def make(random: Random, texts: Texts) -> bytes:
        out = io.StringIO()
        writer = csv.writer(out)
        writer.writerow(texts["columns"][name])
        for number in range(1, random.randint(12, 400)):
            writer.writerow(make_row(random, texts, name, number))
        return out.getvalue().encode("utf-8-sig")  # Excel needs the byte order mark

    return make


def make_row(random: Random, texts: Texts, name: str, number: int) -> list[object]:
    if name == "budget":
        count, price = random.randint(1, 40), random.randint(2, 90) * 50
        return [random.choice(texts["items"]), count, price, count * price]
    if name == "roster":
        person = random.choice(texts["family_names"]).split()[0]
        return [person, random.choice("ABCDEF"), random.randint(1, 4), "10:30", ""]
    return [number, *(random.randint(2, 5) for _column in range(3)), random.choice("○○○△")]


def make_photo(random: Random, texts: Texts) -> bytes:
    """Return a JPEG of hills under a sky."""
    width, height = 960, 640
    sky = Image.linear_gradient("L").resize((width, height))
    image = ImageOps.colorize(sky, *random.choice(SKIES))
    draw = ImageDraw.Draw(image)
    for depth, colour in enumerate(random.choice(HILLS)):
        waves = [
            (random.uniform(15, 55), random.uniform(1, 6), random.uniform(0, 7)) for _ in range(3)
        ]
        ridge = [
            (
                x,
                (0.45 + 0.17 * depth) * height
                + sum(
                    high * math.sin(n * math.tau * x / width + start) for high, n, start in waves
                ),
            )
            for x in range(0, width + 8, 8)
        ]
        draw.polygon([(0, height), *ridge, (width, height)], fill=colour)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=85)
    return out.getvalue()


def make_plan(random: Random, texts: Texts) -> bytes:
    """Return an SVG of numbered rooms."""
    rooms = []
    for index in range(random.randint(4, 9)):
        x, y = 20 + index % 3 * 160, 20 + index // 3 * 110
        colour = random.choice(["#e9f1e4", "#f6ecd9", "#e3ecf5"])
        name = f"{random.choice('ABC')}-{index + 1}"
        rooms.append(
            f'  <rect x="{x}" y="{y}" width="150" height="100" fill="{colour}" stroke="#445"/>'
            f'<text x="{x + 75}" y="{y + 56}" text-anchor="middle" font-size="20">{name}</text>\n'
        )
    frame = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 510 350">'
    return f"{frame}\n{''.join(rooms)}</svg>\n".encode()


def make_document(random: Random, texts: Texts) -> bytes:
    """Return a PDF of some pages of text."""
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b"", *PDF_FONT]
    kids = []
    for _page in range(random.randint(1, 5)):
        lines = [(24, f"{random.choice(texts['subjects'])} / {random.choice(texts['headings'])}")]
        lines += [(11, line) for line in random.sample(texts["sentences"], 8)]
        drawn = "".join(
            f"/F {size} Tf <{line.encode('utf-16-be').hex()}> Tj 0 -{size * 2} Td "
            for size, line in lines
        )
        packed = zlib.compress(f"BT 56 780 Td {drawn}ET".encode())
        head = b"<< /Filter /FlateDecode /Length %d >>" % len(packed)
        objects.append(head + b"\nstream\n" + packed + b"\nendstream")
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] "
            b"/Resources << /Font << /F 3 0 R >> >> /Contents %d 0 R >>" % len(objects)
        )
        kids.append(b"%d 0 R" % len(objects))
    objects[1] = b"<< /Type /Pages /Count %d /Kids [%b] >>" % (len(kids), b" ".join(kids))
    return join_pdf(objects)


def join_pdf(objects: list[bytes]) -> bytes:
    """Return the PDF file of some objects, with its table of offsets."""
    out = bytearray(b"%PDF-1.5\n%\xe2\xe3\xcf\xd3\n")
    offsets = []
    for number, each in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, each)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    out += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n" % (len(objects) + 1, start)
    return bytes(out) + b"%%EOF\n"


def make_bundle(random: Random, texts: Texts) -> bytes:
    """Return a ZIP of notes, a table and a picture."""
    out = io.BytesIO()
    members = [("README.md", "markdown"), ("data/budget.csv", "budget"), ("photos/1.jpg", "photo")]
    with zipfile.ZipFile(out, "w") as archive:
        for name, kind in members:
            about = zipfile.ZipInfo(name, (2026, 1, 1, 9, 0, 0))
            archive.writestr(about, KINDS[kind][0](random, texts), zipfile.ZIP_DEFLATED)
    return out.getvalue()


def make_sound(random: Random, texts: Texts) -> bytes:
    """Return a WAV file of a few soft tones."""
    rate, samples = 8000, []
    for _tone in range(random.randint(3, 6)):
        step = math.tau * random.choice([262, 294, 330, 392, 440]) / rate
        samples += [int(6000 * math.sin(step * tick)) for tick in range(rate // 2)]
    out = io.BytesIO()
    with wave.open(out, "wb") as stream:
        stream.setparams((1, 2, rate, 0, "NONE", ""))
        stream.writeframes(struct.pack(f"<{len(samples)}h", *samples))
    return out.getvalue()


def make_settings(random: Random, texts: Texts) -> bytes:
    members = [name.split()[0] for name in random.sample(texts["given_names"], 5)]
    values = {"version": random.randint(1, 9), "members": members, "notify": random.random() < 0.5}
    return (json.dumps(values, ensure_ascii=False, indent=2) + "\n").encode()


KINDS: dict[str, tuple[Builder, str]] = {
    "markdown": (make_markdown, "text/markdown"),
    "list": (make_list, "text/plain"),
    "budget": (make_table("budget"), "text/csv"),
    "roster": (make_table("roster"), "text/csv"),
    "survey": (make_table("survey"), "text/csv"),
    "photo": (make_photo, "image/jpeg"),
    "plan": (make_plan, "image/svg+xml"),
    "document": (make_document, "application/pdf"),
    "bundle": (make_bundle, "application/zip"),
    "voice": (make_sound, "audio/x-wav"),
    "settings": (make_settings, "application/json"),
}
