"""Intervals: how far a share in a sample may be from the share among everybody."""

from __future__ import annotations

import math
from dataclasses import dataclass

Z_95 = 1.959963984540054  # the normal distribution's 97.5th percentile


@dataclass(frozen=True)
class Interval:
    """A share between 0 and 1, and the ends of its 95 % interval."""

    share: float
    low: float
    high: float


def wilson(count: int, total: int) -> Interval:
    """The 95 % score interval of ``count`` of ``total`` (Wilson, JASA 22:209, 1927); raises ``ValueError`` when there is no total."""
    if total <= 0 or not 0 <= count <= total:
        raise ValueError(f"{count} of {total} is no share")
    share, square = count / total, Z_95 * Z_95
    centre = (share + square / (2 * total)) / (1 + square / total)
    half = Z_95 / (1 + square / total) * math.sqrt(share * (1 - share) / total + square / (4 * total * total))
    return Interval(share, 0.0 if count == 0 else max(0.0, centre - half), 1.0 if count == total else min(1.0, centre + half))
