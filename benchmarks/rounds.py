"""Rounds: everybody runs in turns, so that whatever else the machine does falls on all; medians and ratios of what came of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from statistics import median

OURS = "In Touch"


def alternate(runs: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """What each run said, round by round."""
    said: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(1, rounds + 1):
        for name, run in runs.items():
            said[name].append(run())
            print(f"  round {number}: {name:40} {said[name][-1]:10,.1f} load {os.getloadavg()[0]:.1f}", flush=True)
    return said


def spread(values: list[float]) -> str:
    """The median, and the least and the most beside it where there is more than one."""
    if len(values) == 1:
        return f"{values[0]:,.0f}"
    return f"{median(values):,.0f} ({min(values):,.0f}–{max(values):,.0f})"


def compare(said: Mapping[str, list[float]], goals: Mapping[str, float], *, ours: str = OURS) -> list[tuple[str, ...]]:
    """A row for each of the others: both medians a second, their ratio and its goal."""
    rows = []
    for name, values in said.items():
        if name in goals:
            ratio = median(said[ours]) / max(median(values), 1e-9)
            rows.append((name, spread(said[ours]), spread(values), f"{ratio:.2f}", f"{goals[name]}", verdict(ratio, goals[name])))
    return rows


def verdict(ratio: float, goal: float) -> str:
    return "reached" if ratio >= goal else "not reached"


HEADS = ("against", "ours /s", "theirs /s", "ratio of the medians", "goal", "")
