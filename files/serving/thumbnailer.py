"""Make a small WebP of a picture: `python thumbnailer.py SOURCE TARGET`.

Runs as a process of its own, without Django: a picture that makes Pillow take too much
memory or time ends this process and nothing else. Exit code 0 if TARGET is a picture.
"""

import sys
import warnings

SIDE = 1280  # pixels
# 64 megapixels take some 250 MB; a camera's pictures have up to that many.
PIXELS = 64_000_000
MEMORY = 1536 * 2**20  # bytes of address space
CPU_SECONDS = 15
WHITE_16 = 2**16 - 1
FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF")


def limit():
    """Bound memory and time where the system lets a process do that."""
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))


def main(source, target):
    """Write the thumbnail."""
    from PIL import Image, ImageOps

    limit()
    Image.MAX_IMAGE_PIXELS = PIXELS
    # Pillow only warns up to twice as many pixels.
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    with Image.open(source, formats=FORMATS) as image:
        image.draft("RGB", (SIDE, SIDE))
        small = ImageOps.exif_transpose(with_8_bits(image))
        small.thumbnail((SIDE, SIDE))
        mode = "RGBA" if "A" in small.getbands() or "transparency" in small.info else "RGB"
        small.convert(mode).save(target, "WEBP", quality=80, method=3)


def with_8_bits(image):
    """Return a grey image of more bits a pixel with 8; Pillow's own conversion cuts at 255."""
    if not image.mode.startswith(("I", "F")):
        return image
    values = image.convert("F")
    low, high = values.getextrema()
    if image.mode != "F" and low >= 0 and high <= WHITE_16:
        # Cameras and scanners keep 10, 12 or 14 bits in 16: as many as the brightest pixel needs.
        low, high = 0, 2 ** max(8, int(high).bit_length()) - 1
    scale = 255 / ((high - low) or 1)
    return values.point(lambda value: value * scale - low * scale).convert("L")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except BaseException:
        sys.exit(1)
