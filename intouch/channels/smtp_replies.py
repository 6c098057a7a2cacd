"""SMTP replies: what a mail server's answer at each stage means for the recipient. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from intouch.channels import outcomes
from intouch.channels.outcomes import Outcome

_ENHANCED = re.compile(r"^([245]\.\d{1,3}\.\d{1,3})\b")
_ADDRESS = re.compile(r"<[^>\s]*>|\S+@\S+")


class Stage(StrEnum):
    """Where in a transaction an answer came."""

    MAIL = "MAIL"
    RCPT = "RCPT"
    DATA = "DATA"
    BODY = "body"


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply of a mail server; ``text`` is all its lines."""

    code: int
    text: str = ""

    @property
    def enhanced(self) -> str:
        """The code of RFC 3463, such as ``5.1.1``; empty when there is none."""
        found = _ENHANCED.match(self.text)
        return found[1] if found else ""

    @property
    def is_good(self) -> bool:
        return 200 <= self.code < 300

    @property
    def closes(self) -> bool:
        return self.code == 421

    def summary(self, stage: Stage) -> str:
        """Stage, code and the server's words without the addresses that servers like to repeat."""
        words = _ADDRESS.sub("…", self.text).replace("\n", " ")
        return f"{stage.value}: {self.code} {words}".strip()[:200]


def refusal(stage: Stage, reply: Reply) -> Outcome:
    """The outcome of a reply that is not the good one.

    5xx to MAIL speaks of us, not of the recipient: it is retried, so that a sender address set wrongly does not
    fail a whole edition; only a message that is too large fails. 552 to RCPT is a full mailbox (RFC 5321 4.5.3.1.10).
    """
    error = reply.summary(stage)
    if 400 <= reply.code < 500:
        return outcomes.retry(error)
    if not 500 <= reply.code < 600:
        return outcomes.unknown(error) if stage is Stage.BODY else outcomes.retry(error)
    if stage is Stage.MAIL:
        return outcomes.failed(error) if reply.code == 552 or reply.enhanced == "5.3.4" else outcomes.retry(error)
    if stage is Stage.RCPT:
        if reply.code == 552:
            return outcomes.retry(error)
        return outcomes.dead(error) if is_dead(reply) else outcomes.failed(error)
    return outcomes.failed(error)


def is_dead(reply: Reply) -> bool:
    """Whether a 5xx to RCPT says that the address is gone, rather than that this message is not liked.

    The enhanced code decides where there is one: 5.1.7 and 5.1.8 are about the sender, 5.7.x about policy
    ("looks like spam"); those say nothing about the recipient's address.
    """
    if reply.enhanced:
        _, subject, detail = reply.enhanced.split(".")
        return (subject == "1" and detail not in ("7", "8")) or reply.enhanced in ("5.2.1", "5.0.0")
    return reply.code in (550, 551, 553, 556)
