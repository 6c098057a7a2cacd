"""Fitting: an edition that mail apps would cut off says less, and how much more there is. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

Made = TypeVar("Made")

MOST_BYTES = 99_000  # of HTML: Gmail cuts it off at 102 KB, and some names are longer than others
_LISTS = ("notices", "said", "surveys")


def fitting(contents: Mapping[str, Any], make: Callable[[Mapping[str, Any]], Made], html: Callable[[Made], str]) -> Made:
    """What ``make`` makes of the contents, or of as much of them as is short enough.

    The limits on how many of each thing are told suffice for English. Another script takes three bytes a letter.
    """
    made = make(contents)
    while len(html(made).encode("utf-8", "replace")) > MOST_BYTES and (longest := _longest(contents)):
        contents = _shortened(contents, longest)
        made = make(contents)
    return made


def _longest(contents: Mapping[str, Any]) -> str:
    return max((name for name in _LISTS if contents.get(name)), key=lambda name: len(contents[name]), default="")


def _shortened(contents: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A quarter less of one list, counted where the letter says how many more there are."""
    kept = len(contents[name]) * 3 // 4
    counted = Counter({key: number for key, number in contents.items() if key.startswith("more_")})
    counted.update(_counters(name, contents[name][kept:]))
    return {**contents, name: contents[name][:kept], **counted}


def _counters(name: str, left_out: Sequence[Mapping[str, Any]]) -> list[str]:
    if name == "surveys":
        return ["more_open" if one["is_open"] else "more_closed" for one in left_out]
    return [f"more_{name}"] * len(left_out)
