"""Killed in the middle, again and again: nothing is lost, and what comes twice is the same message."""

from __future__ import annotations

from pathlib import Path

from tests.reliability import campaign
from tests.reliability.campaign import Plan


async def test_senders_killed_at_random_moments_lose_nothing(database_url: str, tmp_path: Path) -> None:
    """The short form of ``make campaign``."""
    senders = 1 if database_url.startswith("sqlite") else 3
    figures = await campaign.run(Plan(emails=560, messages=40, kills=4, senders=senders, patience=40), database_url, tmp_path)
    figures.check()
    assert figures.interrupted > 0
