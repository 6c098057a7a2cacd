"""Photos: from the bytes that somebody sent to a small JPEG without anything the camera wrote into it."""

from __future__ import annotations

import asyncio
import hashlib
import io
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from PIL import Image, ImageOps

from intouch.errors import BadInput

LARGEST_BYTES = 10_000_000
MOST_PIXELS = 40_000_000
LONGEST_SIDE = 1600
_QUALITY = 82
_FORMATS = ("JPEG", "PNG", "WEBP")

_DAMAGED = "That photo arrived damaged or cut short. Please send it again."

# Forty million pixels take 120 MB while they are decoded: one photo at a time keeps the process small.
_DECODER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="photo")


class BadPhoto(BadInput):
    """What was sent can't be kept as a photo; the sentence says what to send instead."""


@dataclass(frozen=True)
class CleanPhoto:
    """A JPEG of at most 1,600 pixels a side, upright, without metadata. ``digest`` is its SHA-256 in hex."""

    jpeg: bytes
    width: int
    height: int
    digest: str


async def clean(raw: bytes) -> CleanPhoto:
    """``prepare`` in a thread of its own; await it before a transaction, never inside one."""
    return await asyncio.get_running_loop().run_in_executor(_DECODER, prepare, raw)


def prepare(raw: bytes) -> CleanPhoto:
    """The cleaned photo; the same bytes always give the same photo. Raises ``BadPhoto``."""
    check_size(len(raw))
    image = _upright(_opened(raw))
    image.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    plain = Image.new("RGB", image.size, "white")
    # A fresh image, because Pillow writes the comment of the one it was given into the file again.
    plain.paste(image, mask=image.getchannel("A") if image.mode == "RGBA" else None)
    file = io.BytesIO()
    plain.save(file, "JPEG", quality=_QUALITY)
    jpeg = file.getvalue()
    return CleanPhoto(jpeg, plain.width, plain.height, hashlib.sha256(jpeg).hexdigest())


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


def _upright(image: Image.Image) -> Image.Image:
    try:
        # Lets a JPEG be decoded at a half, quarter or eighth of its size, which is most of the time saved.
        image.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))
        turned = ImageOps.exif_transpose(image)
        return turned.convert("RGBA" if turned.has_transparency_data else "RGB")
    except Exception:  # see above: a file cut short, a broken chunk, a wrong checksum
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
