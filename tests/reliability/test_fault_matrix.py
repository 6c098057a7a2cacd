"""The fault matrix: every fault at every stage, what becomes of this recipient and of the next, and the table of it in the docs."""

from __future__ import annotations

import asyncio
import os
from typing import Any

from intouch.channels.outcomes import Verdict
from tests.channels.scripted_bot_api import error, html, reset, stall
from tests.reliability import tables
from tests.reliability.cells import FAULTS, STAGES, WORDS, Cell, smtp_cell, telegram_cell

BEFORE_ANYBODY = ("greeting", "EHLO", "STARTTLS", "AUTH")
CERTAINLY_NOT = (Verdict.RETRY, Verdict.FAILED, Verdict.DEAD, Verdict.NOT_TRIED)
# The table in docs/reliability.md is what this run found; with this variable set it is written anew.
WRITES = "INTOUCH_TEST_WRITE_TABLES"

BOT_API: dict[str, Any] = {
    "400 chat not found": error(400, "Bad Request: chat not found"),
    "400 can't parse entities": error(400, "Bad Request: can't parse entities"),
    "403 bot was blocked by the user": error(403, "Forbidden: bot was blocked by the user"),
    "403 user is deactivated": error(403, "Forbidden: user is deactivated"),
    "409 another getUpdates": error(409, "Conflict: terminated by other getUpdates request"),
    "429 with retry_after": error(429, "Too Many Requests: retry after 7", retry_after=7),
    "500": error(500, "Internal Server Error"),
    "403 as a web page": html(403),
    "502 as a web page": html(502),
    "reset": reset,
    "no answer in time": stall,
    "migrate_to_chat_id": error(400, "Bad Request: group chat was upgraded to a supergroup chat", migrate_to_chat_id=-1009),
}


async def test_a_fault_of_the_mail_server_concerns_one_recipient_and_never_doubles_or_loses_a_message() -> None:
    keys = [(stage, fault, pipelining) for stage in STAGES for fault in FAULTS for pipelining in (True, False)]
    few_at_once = asyncio.Semaphore(8)

    async def one(stage: str, fault: str, pipelining: bool) -> Cell:
        async with few_at_once:
            return await smtp_cell(stage, FAULTS[fault], pipelining=pipelining)

    found = dict(zip(keys, await asyncio.gather(*(one(*key) for key in keys)), strict=True))
    for (stage, fault, _), cell in found.items():
        wanted = Verdict.NOT_TRIED if stage in BEFORE_ANYBODY and cell.this.verdict is Verdict.NOT_TRIED else Verdict.SENT
        assert cell.following.verdict is wanted, (stage, fault, cell)
        assert not (cell.arrived and cell.this.verdict in CERTAINLY_NOT), (stage, fault, cell)
        assert cell.arrived or cell.this.verdict is not Verdict.SENT, (stage, fault, cell)
        assert "@" not in cell.this.error + cell.following.error
    _hold("smtp", tables.table(["the mail server, at", *FAULTS], [_row(stage, found) for stage in STAGES]))


def _row(stage: str, found: dict[tuple[str, str, bool], Cell]) -> list[str]:
    """A cell tells both ways of talking where they differ."""
    row = [stage]
    for fault in FAULTS:
        pipelined, stepwise = (_words(found[stage, fault, way]) for way in (True, False))
        row.append(pipelined if pipelined == stepwise else f"{pipelined}; without PIPELINING: {stepwise}")
    return row


def _words(cell: Cell) -> str:
    return f"{WORDS[cell.this.verdict]} / {WORDS[cell.following.verdict]}"


async def test_every_answer_of_the_bot_api_concerns_one_person() -> None:
    rows = []
    for name, answer in BOT_API.items():
        cell = await telegram_cell(answer)
        assert cell.following.verdict is Verdict.SENT, (name, cell)
        this = "sent to its new number, which is kept" if cell.this.moved_to else WORDS[cell.this.verdict]
        if cell.this.verdict is Verdict.UNKNOWN:
            this = "`unknown`, not repeated"
        if cell.this.verdict is Verdict.RETRY and cell.this.after:
            this = f"{this}, after {cell.this.after:g} s"
        rows.append([name, this, WORDS[cell.following.verdict]])
    _hold("bot-api", tables.table(["the Bot API answers", "this message", "a reply to somebody else"], rows))


def _hold(name: str, found: str) -> None:
    if os.environ.get(WRITES):
        tables.put(name, found)
    assert tables.get(name) == found, f"docs/reliability.md is out of date: run this test once with {WRITES}=1 and look at what changed"
