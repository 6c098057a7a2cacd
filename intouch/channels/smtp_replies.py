"""SMTP replies: what a mail server's answer at each stage means for the recipient. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from intouch.channels import outcomes
from intouch.channels.outcomes import Outcome
from intouch.channels.smtp_words import Blame, blame, is_of_relaying

# At the beginning, or the way of qmail at the end: "(#5.1.1)".
_ENHANCED = re.compile(r"^([245]\.\d{1,3}\.\d{1,3})\b|\(#([245]\.\d{1,3}\.\d{1,3})\)")
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
        found = _ENHANCED.search(self.text)
        return found[1] or found[2] if found else ""

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
    fail a whole edition; only a message that is too large fails. Many servers keep what they have against us for RCPT, or,
    as Gmail with its daily limit, for the end of the message.
    """
    outcome = _outcome(stage, reply, reply.summary(stage))
    return outcome._replace(is_of_mailbox=True) if stage is not Stage.MAIL and _is_of_mailbox(reply) else outcome


def _outcome(stage: Stage, reply: Reply, error: str) -> Outcome:
    if 400 <= reply.code < 500:
        return outcomes.retry(error)
    if not 500 <= reply.code < 600:
        return outcomes.unknown(error) if stage is Stage.BODY else outcomes.retry(error)
    if stage is Stage.MAIL:
        return outcomes.failed(error) if _is_too_large(reply) else outcomes.retry(error)
    if stage is Stage.RCPT:
        return _VERDICTS[_blamed(reply)](error)
    # One message, one recipient: who names the recipient, or has something against us, only now means the same.
    if reply.enhanced in _GONE:
        return outcomes.dead(error)
    return outcomes.retry(error) if _blamed(reply) is Blame.US and not _is_too_large(reply) else outcomes.failed(error)


def _is_too_large(reply: Reply) -> bool:
    return reply.code == 552 or reply.enhanced in ("5.2.3", "5.3.4")


# A full mailbox may have room tomorrow, and our rights there may be put right.
_VERDICTS = {Blame.LATER: outcomes.retry, Blame.US: outcomes.retry, Blame.MESSAGE: outcomes.failed, Blame.NOBODY: outcomes.dead}
# The sender's address, daily limits of it (Exchange Online's and Gmail's), a system that takes nothing or is set up wrongly, and
# commands that came in another order than the server wants.
_OF_US = ("5.1.7", "5.1.8", "5.1.20", "5.1.90", "5.3.2", "5.3.5", "5.4.5", "5.5.1")
_OPEN = ("", "5.0.0", "5.1.0", "5.5.0")  # "other or undefined": Outlook's for an unknown user is 5.5.0
_GONE = ("5.1.1", "5.1.6", "5.1.10", "5.2.1")
# Not understood, not known, in the wrong order, a host that takes no mail (RFC 7504), not without signing in: nobody is meant.
_OF_COMMANDS = (500, 502, 503, 504, 521, 530)
_OF_ADDRESSES = (550, 551, 553, 556)


def _is_of_mailbox(reply: Reply) -> bool:
    """Whether a 4xx or 5xx names a mailbox that takes nothing at this time: not ours to slow down for, nor greylisting (4.2.0)."""
    if reply.enhanced not in (*_OPEN, "4.0.0"):
        return reply.enhanced[1:] in (".2.1", ".2.2")
    return 400 <= reply.code < 600 and "system" not in reply.text.lower() and blame(reply.text) is Blame.LATER


def is_dead(reply: Reply) -> bool:
    """Whether a 5xx to RCPT says that the address is gone, rather than that this message, or we, are not liked."""
    return _blamed(reply) is Blame.NOBODY


def _blamed(reply: Reply) -> Blame:
    """What a 5xx to RCPT blames: the enhanced code decides, and where that leaves it open, the words and then the code."""
    said = blame(reply.text)
    if reply.code in _OF_COMMANDS or reply.enhanced in _OF_US:
        return Blame.US
    if reply.enhanced in _OPEN:
        return said or _by_code(reply)
    if reply.enhanced == "5.2.1":  # "disabled", and Gmail's for a mailbox that gets too much at this time
        return Blame.LATER if said is Blame.MESSAGE else said or Blame.NOBODY
    if reply.enhanced.startswith("5.1."):  # Stalwart says "5.1.2 Relay not allowed"
        return Blame.US if is_of_relaying(reply.text) else Blame.NOBODY
    if reply.enhanced == "5.2.2" or reply.code == 552:
        return Blame.LATER
    return Blame.US if said is Blame.US else Blame.MESSAGE


def _by_code(reply: Reply) -> Blame:
    if reply.code == 552:  # RFC 5321 4.5.3.1.10
        return Blame.LATER
    is_of_address = reply.code in _OF_ADDRESSES or reply.enhanced in ("5.0.0", "5.1.0")
    return Blame.NOBODY if is_of_address and reply.enhanced != "5.5.0" else Blame.MESSAGE
