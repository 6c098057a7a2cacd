"""Photos: whatever arrives becomes a small clean JPEG or a sentence."""

import io
import struct
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from intouch.issues import darkroom, photos
from intouch.issues.photos import BadPhoto
from tests.issues.cast import picture

GPS, ORIENTATION, CAMERA = 0x8825, 0x0112, 0x0110


def _opened(photo: photos.CleanPhoto) -> Image.Image:
    image = Image.open(io.BytesIO(photo.jpeg))
    image.load()
    return image


def _saved(image: Image.Image, kind: str, **saving: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **saving)
    return file.getvalue()


def test_nothing_that_the_camera_wrote_is_left() -> None:
    exif = Image.Exif()
    exif[CAMERA] = "Alice's phone"
    exif.get_ifd(GPS).update({1: "N", 2: (54.0, 55.0, 12.0), 3: "W", 4: (1.0, 24.0, 36.0)})
    raw = picture(exif=exif, comment=b"taken at 14 Cornhill", xmp=b"<x:xmpmeta>home</x:xmpmeta>", icc_profile=b"profile of Alice")
    assert b"Alice" in raw and b"Cornhill" in raw and Image.open(io.BytesIO(raw)).getexif().get_ifd(GPS)
    clean = photos.prepare(raw)
    assert not dict(_opened(clean).getexif())
    assert not any(word in clean.jpeg for word in (b"Alice", b"Cornhill", b"xmp", b"Exif", b"profile"))


def test_a_photo_taken_sideways_is_turned_upright() -> None:
    image = Image.new("RGB", (60, 40), "red")
    image.paste("blue", (0, 0, 30, 40))
    exif = Image.Exif()
    exif[ORIENTATION] = 6  # the camera was turned: show it turned 90 degrees clockwise
    clean = photos.prepare(_saved(image, "JPEG", exif=exif, quality=95))
    assert (clean.width, clean.height) == (40, 60)
    red, _, blue = _opened(clean).convert("RGB").getpixel((20, 5))  # type: ignore[misc]
    assert blue > 200 > red  # what was left is now on top


@pytest.mark.parametrize(
    ("size", "expected"), [((4000, 3000), (2000, 1500)), ((900, 5000), (369, 2048)), ((20000, 2), (2048, 1)), ((1, 1), (1, 1))]
)
def test_the_longest_side_is_2048_pixels(size: tuple[int, int], expected: tuple[int, int]) -> None:
    clean = photos.prepare(picture(*size))
    assert (clean.width, clean.height) == expected == _opened(clean).size


@pytest.mark.parametrize("mode", ["L", "P", "LA", "RGBA", "CMYK", "I;16", "1"])
def test_every_colour_mode_becomes_a_plain_jpeg(mode: str) -> None:
    kind = "JPEG" if mode == "CMYK" else "PNG"
    clean = photos.prepare(_saved(Image.new(mode, (30, 20)), kind))
    assert _opened(clean).mode == "RGB"


def test_what_is_see_through_becomes_white() -> None:
    clean = photos.prepare(_saved(Image.new("RGBA", (30, 20), (0, 0, 0, 0)), "PNG"))
    assert _opened(clean).getpixel((5, 5)) == (255, 255, 255)


def test_webp_is_a_photo_too() -> None:
    assert photos.prepare(picture(kind="WEBP")).width == 60


def test_a_phones_second_hidden_picture_is_left_out() -> None:
    first = Image.new("RGB", (60, 40), "red")
    raw = _saved(first, "MPO", save_all=True, append_images=[Image.new("RGB", (60, 40), "blue")])
    red, _, blue = _opened(photos.prepare(raw)).getpixel((5, 5))  # type: ignore[misc]
    assert red > 200 > blue


def test_the_same_bytes_give_the_same_digest_and_others_another() -> None:
    assert photos.prepare(picture()).digest == photos.prepare(picture()).digest != photos.prepare(picture(colour="blue")).digest


def _png_claiming(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says it is enormous."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("size", [(6400, 6400), (10_000, 10_000), (30_000, 30_000), (2_000_000_000, 2)])
def test_a_picture_that_would_fill_the_memory_is_refused_before_it_is_decoded(size: tuple[int, int]) -> None:
    with pytest.raises(BadPhoto, match="40 million"):
        photos.prepare(_png_claiming(*size))


def test_forty_million_pixels_are_still_fine() -> None:
    assert photos.prepare(picture(8000, 5000)).width == 2000


def _moving(kind: str) -> bytes:
    frames = [Image.new("RGB", (20, 20), colour) for colour in ("red", "blue")]
    return _saved(frames[0], kind, save_all=True, append_images=frames[1:])


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "empty"),
        (b"hello, I am a photo", "isn't a photo"),
        (picture()[:-200], "cut short"),
        (picture(900, 600)[:-100], "cut short"),
        (picture(kind="PNG")[:60], "cut short"),
        (b"\xff\xd8\xff\xe0" + b"\0" * 50, "damaged"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "of a kind"),
        (b"<?xml version='1.0'?><svg/>", "of a kind"),
        (picture(kind="TIFF"), "of a kind"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
        (picture(kind="GIF"), "GIF"),
        (_moving("GIF"), "GIF"),
        (_moving("PNG"), "moves"),
        (_moving("WEBP"), "moves"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "isn't a photo"),
        (b"x" * 10_000_001, "larger than 10 MB"),
    ],
)
def test_what_is_no_photo_gets_a_sentence_that_says_so(raw: bytes, says: str) -> None:
    with pytest.raises(BadPhoto, match=says):
        photos.prepare(raw)


@settings(max_examples=60)
@given(st.binary(max_size=300), st.sampled_from([b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\0\0\0\0WEBP", picture()[:100]]))
def test_any_bytes_are_a_photo_or_refused(rest: bytes, start: bytes) -> None:
    try:
        prepared = photos.prepare(start + rest)
    except BadPhoto:
        return
    assert prepared.jpeg.startswith(b"\xff\xd8\xff")


@settings(max_examples=60)
@given(st.integers(0, 630), st.integers(0, 255))
def test_a_photo_with_one_broken_byte_is_a_photo_or_refused(position: int, value: int) -> None:
    raw = bytearray(picture(exif=Image.Exif()))
    raw[position % len(raw)] = value
    try:
        prepared = photos.prepare(bytes(raw))
    except BadPhoto:
        return
    assert prepared.jpeg.startswith(b"\xff\xd8\xff")


async def test_cleaning_leaves_the_loop_free_for_others() -> None:
    assert (await darkroom.clean(picture())).width == 60


def test_what_a_phone_sends_as_a_photo_is_light_and_a_wall_of_pixels_is_not() -> None:
    assert photos.is_light(_saved(Image.new("RGB", (2560, 1920)), "JPEG"))
    assert photos.is_light(_saved(Image.new("RGB", (4032, 3024)), "JPEG"))  # as a file, straight from the camera
    assert not photos.is_light(_saved(Image.new("RGB", (2560, 1920)), "JPEG", progressive=True))
    assert not photos.is_light(_saved(Image.new("RGB", (2560, 1920)), "PNG"))


def test_what_telegram_sends_as_a_photo_is_quick_and_a_cameras_file_is_not() -> None:
    assert photos.is_quick(_saved(Image.new("RGB", (2560, 1920)), "JPEG"))
    assert not photos.is_quick(_saved(Image.new("RGB", (4032, 3024)), "JPEG"))
    assert not photos.is_quick(_saved(Image.new("RGB", (2560, 1920)), "PNG"))


def test_a_heavy_photo_is_the_same_from_a_process_of_its_own() -> None:
    raw = _saved(Image.linear_gradient("L").resize((2400, 1800)), "PNG")
    assert not photos.is_light(raw)
    assert darkroom.develop(raw) == photos.prepare(raw)


def test_a_heavy_photo_that_is_damaged_gets_the_same_sentence() -> None:
    raw = _saved(Image.linear_gradient("L").resize((2400, 1800)), "PNG")
    with pytest.raises(BadPhoto, match="damaged"):
        darkroom.develop(raw[: len(raw) // 2])


def test_no_photo_fills_the_memory_of_this_process() -> None:
    """All the kinds that are not refused, as large as they may be."""
    code = """
import io, resource, sys
from PIL import Image
from intouch.issues import darkroom, photos
image = Image.open(sys.argv[1])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
photo = darkroom.develop(open(sys.argv[1], "rb").read())
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    with tempfile.TemporaryDirectory() as folder:
        for kind, saving in (("JPEG", {}), ("JPEG", {"progressive": True}), ("PNG", {"compress_level": 1}), ("WEBP", {"method": 0})):
            path = Path(folder) / kind
            Image.linear_gradient("L").resize((4000, 3000)).save(path, kind, **saving)
            done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
            assert int(done.stdout) < 40_000, f"{kind} took {done.stdout} KB"


def test_a_decoder_that_dies_costs_one_photo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(BadPhoto, match="send it again"):
        darkroom.develop(_saved(Image.new("RGB", (2400, 1800)), "PNG"))
