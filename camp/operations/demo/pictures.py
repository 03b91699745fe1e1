"""Pictures and pages for sample files, with the standard library alone."""

import math
import struct
import zlib

SKIES = [
    ((94, 160, 214), (222, 238, 246)),
    ((244, 162, 97), (253, 226, 190)),
    ((63, 76, 119), (190, 170, 200)),
    ((130, 190, 220), (245, 245, 230)),
]
HILLS = [
    [(108, 140, 150), (72, 112, 96), (46, 84, 58)],
    [(130, 120, 140), (92, 88, 110), (58, 62, 74)],
    [(150, 170, 120), (104, 140, 84), (60, 100, 60)],
]
PAGE = (595, 842)  # A4 in points


def scene(random, width, height):
    """Return (width, height, RGB bytes) of hills under a sky."""
    sky = sky_columns(random, height)
    hills = [
        (hill_line(random, width, height, 0.45 + 0.17 * depth), colour)
        for depth, colour in enumerate(random.choice(HILLS))
    ]
    pixels = bytearray(3 * width * height)
    for x in range(width):
        columns = sky
        for line, colour in hills:
            edge, shade = line[x], int(random.random() * 8)
            columns = [
                column[:edge] + bytes([max(part - shade, 0)]) * (height - edge)
                for column, part in zip(columns, colour, strict=True)
            ]
        for channel, column in enumerate(columns):
            pixels[3 * x + channel :: 3 * width] = column
    return width, height, with_grain(random, bytes(pixels))


def with_grain(random, pixels):
    """Return the bytes with up to 3 added to each; a flat picture would be far too small."""
    length = len(pixels)
    grain = int.from_bytes(random.randbytes(length), "big") & int.from_bytes(b"\3" * length, "big")
    return (int.from_bytes(pixels, "big") + grain).to_bytes(length, "big")


def sky_columns(random, height):
    """Return a column of the sky as bytes, for red, green and blue each."""
    top, bottom = random.choice(SKIES)
    return [
        bytes(round(a + (b - a) * y / height) for y in range(height))
        for a, b in zip(top, bottom, strict=True)
    ]


def hill_line(random, width, height, base):
    """Return for each x from which y on a hill is; `base` is a share of the height."""
    waves = [
        (random.uniform(4, 14) * height / 160, random.uniform(1, 6), random.uniform(0, 7))
        for _wave in range(3)
    ]
    return [
        min(
            max(
                round(
                    base * height
                    + sum(
                        high * math.sin(often * math.tau * x / width + start)
                        for high, often, start in waves
                    )
                ),
                0,
            ),
            height,
        )
        for x in range(width)
    ]


def png(width, height, pixels):
    """Return a PNG of RGB bytes."""
    step = 3 * width
    lines = b"".join(b"\0" + pixels[start : start + step] for start in range(0, len(pixels), step))
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", header),
            chunk(b"IDAT", zlib.compress(lines, 6)),
            chunk(b"IEND", b""),
        ]
    )


def chunk(kind, data):
    """Return a chunk of a PNG."""
    checksum = struct.pack(">I", zlib.crc32(kind + data))
    return struct.pack(">I", len(data)) + kind + data + checksum


def floor_plan(random, names):
    """Return an SVG with one room for each name."""
    rooms = []
    for index, name in enumerate(names):
        x, y = 20 + index % 3 * 160, 20 + index // 3 * 110
        colour = random.choice(["#e9f1e4", "#f6ecd9", "#e3ecf5"])
        rooms.append(
            f'<rect x="{x}" y="{y}" width="150" height="100" fill="{colour}" stroke="#445"/>'
            f'<text x="{x + 75}" y="{y + 56}" text-anchor="middle" font-size="20">{name}</text>'
        )
    height = 30 + (len(names) + 2) // 3 * 110
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 510 {height}" '
        f'font-family="sans-serif">\n{"".join(f"  {room}{chr(10)}" for room in rooms)}</svg>\n'
    ).encode()


def pdf(title, pages, picture=None):
    """Return a PDF of a title and pages, lists of lines, in a Japanese font that viewers bring.

    `picture` is (width, height, RGB bytes), for the first page.
    """
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b"", *FONT]
    resources = b"/Font << /F 3 0 R >>"
    if picture:
        width, height, pixels = picture
        form = b"/Subtype /Image /ColorSpace /DeviceRGB /BitsPerComponent 8 /Width %d /Height %d"
        objects.append(stream(pixels, b"/Type /XObject " + form % (width, height)))
        resources += b" /XObject << /P %d 0 R >>" % len(objects)
    kids = []
    for number, lines in enumerate(pages):
        shown = [(24, title), *((11, line) for line in lines)] if not number else None
        drawn = text_block(shown or [(11, line) for line in lines])
        if picture and not number:
            drawn += b" q 320 0 0 180 56 70 cm /P Do Q"
        objects.append(stream(drawn))
        form = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %d %d] /Resources << %b >> "
        page = form % (*PAGE, resources) + b"/Contents %d 0 R >>" % len(objects)
        objects.append(page)
        kids.append(b"%d 0 R" % len(objects))
    objects[1] = b"<< /Type /Pages /Count %d /Kids [%b] >>" % (len(kids), b" ".join(kids))
    return pdf_file(objects)


# Objects 3 to 5 of every document: one of the fonts that PDF knows by name.
FONT = [
    b"<< /Type /Font /Subtype /Type0 /BaseFont /HeiseiKakuGo-W5 /Encoding /UniJIS-UTF16-H "
    b"/DescendantFonts [4 0 R] >>",
    b"<< /Type /Font /Subtype /CIDFontType0 /BaseFont /HeiseiKakuGo-W5 /DW 1000 "
    b"/W [1 [278] 2 95 500] /FontDescriptor 5 0 R "
    b"/CIDSystemInfo << /Registry (Adobe) /Ordering (Japan1) /Supplement 2 >> >>",
    b"<< /Type /FontDescriptor /FontName /HeiseiKakuGo-W5 /Flags 4 /FontBBox [-92 -250 1010 922] "
    b"/ItalicAngle 0 /Ascent 752 /Descent -221 /CapHeight 737 /StemV 114 >>",
]


def text_block(lines):
    """Return the operators that draw (size, line) from the top of a page."""
    drawn = [b"BT 56 780 Td"]
    for size, line in lines:
        shown = line.encode("utf-16-be").hex().encode()
        drawn.append(b"/F %d Tf <%b> Tj 0 -%d Td" % (size, shown, round(size * 1.7)))
    return b" ".join([*drawn, b"ET"])


def stream(data, words=b""):
    """Return a PDF object that holds compressed data."""
    packed = zlib.compress(data, 6)
    head = b"<< %b /Filter /FlateDecode /Length %d >>" % (words, len(packed))
    return head + b"\nstream\n" + packed + b"\nendstream"


def pdf_file(objects):
    """Return the file of numbered objects, with the table that says where they are."""
    out = bytearray(b"%PDF-1.5\n%\xe2\xe3\xcf\xd3\n")
    places = []
    for number, each in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%b\nendobj\n" % (number, each)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n" % (len(objects) + 1, start)
    return bytes(out) + b"%%EOF\n"
