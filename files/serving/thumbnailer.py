"""Make a small WebP of an image: `python thumbnailer.py SOURCE TARGET`.

Runs as a process of its own, without Django: an image that makes Pillow take too much memory or
time ends only this process. Exit code 0 if TARGET is an image.
"""

import sys
import warnings

SIDE = 1280  # pixels
# 64 megapixels take some 250 MiB; cameras have no more.
MAX_PIXELS = 64_000_000
MEMORY = 1536 * 2**20  # bytes of address space
CPU_SECONDS = 15
WHITE_16 = 2**16 - 1
FORMATS = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "AVIF", "HEIF")


def limit_resources():
    """Limit memory and processor time, if the system can (POSIX)."""
    try:
        import resource
    except ImportError:
        return
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))


def main(source, target):
    """Write the thumbnail."""
    from PIL import Image, ImageOps

    if is_iso_media(source):
        # Loading it takes as long as a small thumbnail.
        import pi_heif

        pi_heif.register_heif_opener(thumbnails=False)
    limit_resources()
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    # Pillow only warns up to twice as many pixels.
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    with Image.open(source, formats=FORMATS) as image:
        image.draft("RGB", (SIDE, SIDE))
        small = ImageOps.exif_transpose(convert_to_8_bits(image))
        small.thumbnail((SIDE, SIDE))
        mode = "RGBA" if "A" in small.getbands() or "transparency" in small.info else "RGB"
        small.convert(mode).save(target, "WEBP", quality=80, method=3)


def is_iso_media(path):
    """Return whether a file is in the container of HEIC and AVIF (ISO/IEC 14496-12)."""
    with open(path, "rb") as file:
        return file.read(8)[4:] == b"ftyp"


def convert_to_8_bits(image):
    """Return a grey image with 8 bits a pixel; Pillow's own conversion clips at 255."""
    if not image.mode.startswith(("I", "F")):
        return image
    values = image.convert("F")
    low, high = values.getextrema()
    if image.mode != "F" and low >= 0 and high <= WHITE_16:
        # Cameras and scanners use 10, 12 or 14 of 16 bits: those of the brightest pixel.
        low, high = 0, 2 ** max(8, int(high).bit_length()) - 1
    scale = 255 / ((high - low) or 1)
    return values.point(lambda value: value * scale - low * scale).convert("L")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except BaseException:
        sys.exit(1)
