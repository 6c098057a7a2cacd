"""Outcomes: what is handed to a channel, and what came of it; the one language of all channels."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum
from typing import NamedTuple, Protocol


class Verdict(StrEnum):
    """What became of one attempt."""

    SENT = "sent"  # the provider accepted it
    RETRY = "retry"  # it certainly was not accepted; later it may be
    UNKNOWN = "unknown"  # the line broke when it may have been accepted
    DEAD = "dead"  # the address is gone
    FAILED = "failed"  # this message will never be accepted
    NOT_TRIED = "not tried"  # the road itself is closed, or we are stopping: nobody was asked about this one
    UNWANTED = "unwanted"  # it is not to be sent any more


class Outcome(NamedTuple):
    """What became of one attempt. ``error`` never holds a secret, an address or words of a message.

    ``after`` is how many seconds the provider asked us to wait. ``moved_to`` is the chat's new number. ``is_of_mailbox``: the
    mailbox takes nothing at this time, such as a full one.
    """

    verdict: Verdict
    provider_id: str = ""
    error: str = ""
    after: float | None = None
    moved_to: str = ""
    is_of_mailbox: bool = False


SENT = Outcome(Verdict.SENT)


def sent(provider_id: str = "", moved_to: str = "") -> Outcome:
    return Outcome(Verdict.SENT, provider_id=provider_id, moved_to=moved_to) if provider_id or moved_to else SENT


def retry(error: str, after: float | None = None) -> Outcome:
    return Outcome(Verdict.RETRY, error=error, after=after)


def unknown(error: str) -> Outcome:
    return Outcome(Verdict.UNKNOWN, error=error)


def dead(error: str) -> Outcome:
    return Outcome(Verdict.DEAD, error=error)


def failed(error: str) -> Outcome:
    return Outcome(Verdict.FAILED, error=error)


def unwanted(reason: str) -> Outcome:
    return Outcome(Verdict.UNWANTED, error=reason)


def not_tried(error: str, after: float = 0.0) -> Outcome:
    """The road is closed for ``after`` seconds; 0: only we are stopping, or the lease has passed to somebody else."""
    return Outcome(Verdict.NOT_TRIED, error=error, after=after)


def _always() -> bool:
    return True


async def _at_once() -> bool:
    return True


class Envelope(NamedTuple):
    """One message, ready to leave: a ``TelegramMessage`` or the bytes of an email. The outcome comes back under ``number``.

    ``rank`` is 0 for a reply, 1 for what one person waits for, 2 for bulk. ``begin`` is awaited before the call: it makes
    sure that what comes of it can be written down, and is False when it can't. ``is_ours`` is asked right before it: a
    process that slept longer than its lease must not send what another has taken over. ``sender`` is the return path of an
    email, to which reports of its fate come; empty: the channel's own.
    """

    number: int
    address: str
    content: object
    rank: int = 2
    message_id: str = ""
    sender: str = ""
    is_ours: Callable[[], bool] = _always
    begin: Callable[[], Awaitable[bool]] = _at_once


# Told the number of an envelope and what became of it; does not raise.
Heard = Callable[[int, Outcome], None]


class Channel(Protocol):
    """A road out. It has its own limits: as many envelopes as it is given are under way or waiting inside it."""

    async def send_batch(self, envelopes: Sequence[Envelope], heard: Heard) -> None:
        """Send them all. ``heard`` is told each outcome, once, as soon as it is known, in any order; all of them before this ends."""

    def halt(self) -> None:
        """Begin nothing new: what has not begun comes back as ``NOT_TRIED``, what is under way is finished."""

    async def close(self) -> None:
        """Let go of all connections."""
