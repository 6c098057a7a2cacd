"""Photos: from the bytes that somebody sent to a small JPEG without anything the camera wrote into it."""

from __future__ import annotations

import contextlib
import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass

from PIL import Image, ImageOps

from intouch.errors import BadInput

LARGEST_BYTES = 10_000_000
MOST_PIXELS = 40_000_000
LONGEST_SIDE = 2048  # what a camera's 12 million pixels are at half their size: made smaller, they took twice the time and memory
LARGE_ENOUGH = 1280  # pixels of the longest side: as large as the chat itself shows photos
_QUALITY = 82
_FORMATS = ("JPEG", "PNG", "WEBP")
_BYTES = {"L": 3, "RGB": 3}  # of a pixel, once it has colours

_DAMAGED = "That photo arrived damaged or cut short. Please send it again."

# Up to so many bytes are decoded beside everything else: a camera's 12 million pixels, as a JPEG at half of its size.
_LIGHT = 10_000_000
# Up to so many pixels nobody notices that they take time: all that Telegram sends as a photo (2,560 a side), not a camera's file.
_QUICK = 8_000_000


class BadPhoto(BadInput):
    """What was sent can't be kept as a photo; the sentence says what to send instead."""


@dataclass(frozen=True)
class CleanPhoto:
    """A JPEG of at most 2,048 pixels a side, upright, without metadata. ``digest`` is its SHA-256 in hex."""

    jpeg: bytes
    width: int
    height: int
    digest: str


def prepare(raw: bytes) -> CleanPhoto:
    """The cleaned photo; the same bytes always give the same photo. Raises ``BadPhoto``."""
    image = _small(_header(raw))
    file = io.BytesIO()
    _plain(image).save(file, "JPEG", quality=_QUALITY)
    return developed(file.getvalue())


def _plain(image: Image.Image) -> Image.Image:
    """On white, and with nothing beside its dots: Pillow would write a comment that it found into the file again."""
    if image.mode == "RGBA":
        ground = Image.new("RGB", image.size, "white")
        ground.paste(image, mask=image.getchannel("A"))
        return ground
    image.info.clear()
    return image


def developed(jpeg: bytes) -> CleanPhoto:
    """A photo that ``prepare`` made, here or elsewhere."""
    image = Image.open(io.BytesIO(jpeg), formats=("JPEG",))
    return CleanPhoto(jpeg, image.width, image.height, hashlib.sha256(jpeg).hexdigest())


def is_light(raw: bytes) -> bool:
    """Whether ``prepare`` needs little memory for it; told from the header alone. Raises ``BadPhoto``."""
    image = _header(raw)
    # A JPEG that comes in several passes is kept whole until the last of them.
    return image.width * image.height * _BYTES.get(image.mode, 4) <= _LIGHT and not image.info.get("progressive")


def is_quick(raw: bytes) -> bool:
    """Whether ``prepare`` is done before somebody wonders (100 ms); told from the header alone. Raises ``BadPhoto``."""
    image = _opened(raw)
    return image.width * image.height <= _QUICK and is_light(raw)


def _header(raw: bytes) -> Image.Image:
    """The photo before anything of it is decoded; a JPEG will be, at an eighth, quarter or half of its size where that is enough."""
    check_size(len(raw))
    image = _opened(raw)
    share = LARGE_ENOUGH / max(image.size)
    with _blaming_the_file():
        image.draft("RGB", (max(1, round(image.width * share)), max(1, round(image.height * share))))
    return image


def check_size(number_of_bytes: int) -> None:
    """Refuse a file by its size alone, before it is fetched or opened. Raises ``BadPhoto``."""
    if number_of_bytes > LARGEST_BYTES:
        raise BadPhoto("That photo is larger than 10 MB. Please send it as a photo, not as a file: Telegram then makes it smaller.")


def _opened(raw: bytes) -> Image.Image:
    try:
        image = Image.open(io.BytesIO(raw), formats=_FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_many_pixels() from None
    except Exception:  # decoders raise whatever they stumble over: the file is to blame, not us
        raise BadPhoto(_what_it_is(raw)) from None
    if image.width * image.height > MOST_PIXELS:
        raise _too_many_pixels()
    # A phone's JPEG may carry a second, hidden picture (MPO); that is no animation.
    if image.format != "MPO" and getattr(image, "is_animated", False):
        raise BadPhoto("That picture moves. Please send a still photo.")
    return image


def _small(image: Image.Image) -> Image.Image:
    """Decoded, small and upright: in this order it takes least memory."""
    with _blaming_the_file():
        if image.mode not in ("RGB", "L") or image.has_transparency_data:
            image = _plain_mode(image)
        # To the eye as good as the cubic filter where it makes smaller, in half the time: somebody waits for the reply.
        image.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.BILINEAR, reducing_gap=None)
        ImageOps.exif_transpose(image, in_place=True)
        return _plain_mode(image)


def _plain_mode(image: Image.Image) -> Image.Image:
    mode = "RGBA" if image.has_transparency_data else "RGB"
    return image if image.mode == mode else image.convert(mode)


@contextlib.contextmanager
def _blaming_the_file() -> Iterator[None]:
    """Decoders raise whatever they stumble over in a file cut short, a broken chunk, a wrong checksum."""
    try:
        yield
    except Exception:
        raise BadPhoto(_DAMAGED) from None


def _too_many_pixels() -> BadPhoto:
    return BadPhoto("That picture has more than 40 million dots, which is more than we can open. Please send a smaller one.")


def _what_it_is(raw: bytes) -> str:
    """The sentence for a file that can't be opened as a photo."""
    start = raw[:512].lstrip().lower()
    if not raw:
        return "That photo arrived empty. Please send it again."
    if raw.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")):
        return _DAMAGED
    if raw[4:8] == b"ftyp" and raw[8:12] in (b"heic", b"heix", b"hevc", b"mif1", b"msf1", b"avif"):
        return "Phones can show that kind of picture (HEIC), but we can't open it. Please send it as a photo, not as a file."
    if raw[:3] == b"GIF":
        return "That is a GIF, which can move. Please send a still photo."
    if raw[:4] in (b"II*\0", b"MM\0*") or start.startswith((b"<svg", b"<?xml")):
        return "That picture is of a kind that we can't open. Please send a photo from your camera."
    return "That isn't a photo we can open. Please send a picture from your camera, as a photo."
