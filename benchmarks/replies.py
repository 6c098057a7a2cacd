"""Replies: how long somebody waits for the bot, step by step, in the demo as it runs: ``python -m benchmarks.replies [PEOPLE]``.

Prints per step the median and the longest wait in milliseconds, from what a person does to what the bot says first.
"""

from __future__ import annotations

import asyncio
import io
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from PIL import Image

from benchmarks.taps import free_port
from intouch import logs
from intouch.demo import server
from intouch.demo.telegram.person import Person

# What is done, and what is heard then; a file where nothing is named. Where nothing is done, the bot has more to say by itself.
STEPS = [
    ("sends", "/start", "Who sees it"),
    ("taps", "Yes, I agree", "Where do you live?"),
    ("sends", "SR55CC", "an email once a week"),
    ("taps", "No, thank you", "sounding board"),
    ("taps", "No, thank you", "You are signed up"),
    ("sends", "/help", "/report"),
    ("sends", "/ward", "Southwick"),
    ("sends", "/settings", "Your settings"),
    ("sends", "/privacy", "Your privacy"),
    ("sends", "/report", "What"),
    ("sends", "/cancel", "report"),
    ("sends", "/myreports", "report"),
    ("sends", "something that is no command", "/help"),
    ("sends", "/export", ""),
    ("sends", "/report", "What"),
    ("taps", "🚮 Litter", "Can you send a photo?"),
    ("sends_photo", "a photo as Telegram sends it", "photo 1 of 3"),
    ("sends_photo", "a photo straight from the camera", "One moment"),
    ("", "and the photo is there", "photo 2 of 3"),
    ("taps", "No more photos", "Where is it?"),
    ("sends", "Behind the bus stop in Southwick Road", "What is wrong?"),
    ("sends", "Two bags of rubbish", "Please check your report"),
    ("taps", "Send it to the council", "SR-"),
    ("sends", "/myreports", "What you reported"),
]


def _photo(width: int, height: int) -> bytes:
    """A JPEG of that size with as much in it as a street has."""
    street = Image.blend(Image.linear_gradient("L").resize((width, height)), Image.effect_noise((width, height), 40), 0.3)
    file = io.BytesIO()
    street.convert("RGB").save(file, "JPEG", quality=85)
    return file.getvalue()


PHOTOS = {"a photo as Telegram sends it": _photo(1280, 960), "a photo straight from the camera": _photo(4032, 3024)}


async def _step(person: Person, act: str, words: str, heard: str) -> float:
    began = time.perf_counter()
    if act:
        await getattr(person, act)(PHOTOS.get(words, words))
    await (person.expects(heard) if heard else person.expects_file())
    return (time.perf_counter() - began) * 1000


async def measure(people: int) -> dict[str, list[float]]:
    """Milliseconds of each step, for so many newcomers one after another."""
    waited: dict[str, list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        async with server.start(free_port(), Path(folder)) as stage:
            await asyncio.sleep(4)  # the demo's own letters are out by then
            for number in range(people):
                person = stage.telegram.person(9_000_000 + number, f"Newcomer {number}")
                for at, (act, words, heard) in enumerate(STEPS):
                    waited[f"{at:2} {words}"].append(await _step(person, act, words, heard))
    return waited


def main() -> None:
    logs.configure("error")
    waited = asyncio.run(measure(int(sys.argv[1]) if len(sys.argv) > 1 else 20))
    for step, times in waited.items():
        print(f"{step:34} median {statistics.median(times):6.1f} ms   longest {max(times):6.1f} ms")
    everything = sorted(time for times in waited.values() for time in times)
    print(f"{'all':34} median {statistics.median(everything):6.1f} ms   longest {everything[-1]:6.1f} ms")


if __name__ == "__main__":
    main()
