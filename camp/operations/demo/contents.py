"""The bytes of sample files: small and valid."""

import csv
import io
import math
import struct
import wave
from collections.abc import Callable
from functools import cache
from random import Random

from PIL import Image, ImageDraw, ImageOps

from camp.operations.demo.texts import TEXTS, Texts

VARIANTS = 12  # contents of each kind and language
SKIES = [("#5ea0d6", "#deeef6"), ("#f4a261", "#fde2be"), ("#3f4c77", "#beaac8")]
HILLS = [("#6c8c96", "#487060", "#2e543a"), ("#82788c", "#5c586e", "#3a3e4a")]

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


def make_table(random: Random, texts: Texts) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(texts["columns"])
    for _row in range(random.randint(12, 400)):
        count, price = random.randint(1, 40), random.randint(2, 90) * 50
        writer.writerow([random.choice(texts["items"]), count, price, count * price])
    return out.getvalue().encode("utf-8-sig")  # Excel needs the byte order mark


def make_photo(random: Random, texts: Texts) -> bytes:
    out = io.BytesIO()
    draw_hills(random, 960, 640).save(out, "JPEG", quality=85)
    return out.getvalue()


def make_flyer(random: Random, texts: Texts) -> bytes:
    """Return a PDF of some pages, each a picture."""
    first, *others = (draw_hills(random, 420, 594) for _page in range(random.randint(1, 4)))
    out = io.BytesIO()
    dates = {"creationDate": None, "modDate": None}
    first.save(out, "PDF", save_all=True, append_images=others, **dates)
    return out.getvalue()


def draw_hills(random: Random, width: int, height: int) -> Image.Image:
    """Return a picture of hills under a sky."""
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
    return image


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


KINDS: dict[str, tuple[Builder, str]] = {
    "markdown": (make_markdown, "text/markdown"),
    "list": (make_list, "text/plain"),
    "budget": (make_table, "text/csv"),
    "photo": (make_photo, "image/jpeg"),
    "flyer": (make_flyer, "application/pdf"),
    "voice": (make_sound, "audio/x-wav"),
}
