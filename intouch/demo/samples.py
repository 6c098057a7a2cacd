"""Samples: the photos that the demo's phone has in its gallery, all made from one."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image, ImageOps

NUMBER = 3
_PHOTO = Path(__file__).parent / "static" / "sample-photo.jpg"


def sample(number: int) -> bytes:
    """The photo itself, then the same corner from the other side, then from nearer; and over again."""
    contents = _PHOTO.read_bytes()
    if number % NUMBER == 0:
        return contents
    with Image.open(io.BytesIO(contents)) as photo:
        width, height = photo.size
        near = photo.crop((width // 6, height // 6, width * 5 // 6, height * 5 // 6))
        seen = ImageOps.mirror(photo) if number % NUMBER == 1 else near
    made = io.BytesIO()
    seen.save(made, "JPEG", quality=85)
    return made.getvalue()
