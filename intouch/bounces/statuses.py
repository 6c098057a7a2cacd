"""Statuses: what the codes of RFC 3463 and RFC 5321 say about the address, rather than about us or about one message."""

from __future__ import annotations

import re

from intouch.bounces.models import Kind

_ENHANCED = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
_REPLY = re.compile(r"(?<![\d.])([45]\d\d)(?![\d.])")

# Codes 5.x.x that blame the sender (1.7, 1.8), a full mailbox, a message that is too large, a list, congestion or a loop.
_MAY_PASS = {(1, 7), (1, 8), (2, 2), (2, 3), (2, 4), (4, 3), (4, 5), (4, 6), (4, 7), (4, 14)}
# The mail system, the protocol, the content and policy ("looks like spam"): none of them is about the address.
_SUBJECTS_THAT_MAY_PASS = {3, 5, 6, 7}


def of_code(status: str) -> Kind | None:
    """HARD or SOFT for an enhanced code such as ``5.1.1``; None where it is no failure, or no code."""
    found = _ENHANCED.fullmatch(status.strip())
    if found is None or found[1] == "2":
        return None
    subject, detail = int(found[2]), int(found[3])
    may_pass = found[1] == "4" or subject in _SUBJECTS_THAT_MAY_PASS or (subject, detail) in _MAY_PASS
    return Kind.SOFT if may_pass else Kind.HARD


def of_words(words: str) -> tuple[str, Kind] | None:
    """The code in a mail server's words, and what it says; None where they hold none."""
    enhanced = _ENHANCED.search(words)
    if enhanced and (kind := of_code(enhanced[0])):
        return enhanced[0], kind
    reply = _REPLY.search(words)
    if reply is None:
        return None
    # As when the mail server refuses at once (channels/smtp_replies.py): 552 is a full mailbox, 554 may be anything.
    return reply[1], Kind.HARD if reply[1] in ("550", "551", "553", "556") else Kind.SOFT
