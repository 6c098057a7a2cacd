"""Statuses: what the codes of RFC 3463 and RFC 5321 say about the address, rather than about us or about one message."""

from __future__ import annotations

import re
from itertools import pairwise

from intouch.bounces.models import Kind
from intouch.channels.smtp_words import Blame, blame

_ENHANCED = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
# Where a reply's code stands: in a letter for people, any other three digits may be half a telephone number.
_REPLY = re.compile(
    r"""(?:^[^\w\n]*|[:;>"]\s*|\b(?:said|says|error|code|status|reply|response|with)\W{1,3})([45]\d\d)(?![\d.]|-\d(?!\.\d))""",
    re.IGNORECASE | re.MULTILINE,
)

# Where only after the whole message was an answer given: mostly a filter's, about that message.
_AFTER_DATA = re.compile(
    r"\bend\s+of\s+(?:data|message)\b|\bafter\s+I\s+sent\s+the\s+message\b|\bfor\s+TEXT\s+command\b|^>>>\s*(?:data|\.)\s*$",
    re.IGNORECASE | re.MULTILINE,
)
# Where it was given before the mail server was told the address: about us, or about nobody. As Postfix, IONOS, Exim, qmail and, last
# in its transcript, sendmail tell it.
_BEFORE_ADDRESS = re.compile(
    r"""\bin\s+reply\s+to\s+(?:EHLO|HELO|LHLO|STARTTLS|AUTH|MAIL)\b|\brefused\s+to\s+talk\s+to\s+me\b
    |\bremote\s+server\s+for\s+(?:EHLO|HELO|STARTTLS|AUTH|MAIL)\b
    |\bafter\s+(?:pipelined\s+)?(?:initial\s+connection|EHLO|HELO|LHLO|STARTTLS|AUTH|MAIL\s+FROM)\b
    |\bbut\s+(?:sender\s+was\s+rejected|my\s+name\s+was\s+rejected|greeting\s+failed)\b
    |^>>>\s*(?:EHLO|HELO|MAIL)\b(?:(?!^>>>)[\s\S])*\Z""",
    re.IGNORECASE | re.MULTILINE | re.VERBOSE,
)
_SUMMARY = re.compile(r"^554 5\.0\.0 Service unavailable[ \t\r]*$", re.MULTILINE)  # sendmail's own, below whatever was answered
# What Exchange Online writes before the other server's words, which a code of its own, 5.0.350, stands for.
_PASSED_ON = re.compile(r"\b5\d\d\s+5\.0\.\d{1,3}\s+remote\s+server\s+returned\s[^>]{1,80}->", re.IGNORECASE)
_NOTHING_SAID = (".0.0", "550", "551", "553", "556")
_DISABLED = "5.2.1"

# Codes 5.x.x that blame the sender (1.7, 1.8), a full mailbox, a message that is too large, a list, congestion or a loop.
_MAY_PASS = {(1, 7), (1, 8), (2, 2), (2, 3), (2, 4), (4, 3), (4, 5), (4, 6), (4, 7), (4, 14)}
# Exchange Online's own: our sender and our daily limit, the recipient's limit an hour, and names or servers that were not reached in a day.
_MAY_PASS |= {(1, 20), (1, 90), (2, 121), (2, 122), (4, 300), (4, 312), (4, 316), (4, 317), (4, 318), (4, 319)}
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


def is_open(status: str) -> bool:
    """Whether a code says no more than that something failed: "other or undefined" of an address, a system or a protocol; or that
    a mailbox takes nothing, which Gmail also says of one that gets too much at this time. Not 4.x.x: whoever gave up then was told
    of nothing that lasts."""
    is_other = status.startswith("5.0.") or status in ("5.1.0", "5.2.0", _DISABLED, "5.3.0", "5.5.0") or "." not in status
    return is_other and not status.startswith("4.")


def is_guess(status: str, words: str) -> bool:
    """Whether a code is sendmail's own, which writes 5.1.1 for each bare 550, and the mail server's words are about something else."""
    return status == "5.1.1" and _ENHANCED.search(words) is None and blame(words) not in (None, Blame.NOBODY)


def was_put_off(words: str) -> bool:
    """Whether the mail server's own answer is a 4xx, whatever the code of who lost patience with it."""
    return _coded(words)[0].startswith("4")


def is_before_address(words: str) -> bool:
    """Whether a letter for people tells of a refusal that came before the mail server was told the address."""
    return _BEFORE_ADDRESS.search(words) is not None


def of_words(words: str) -> tuple[str, Kind] | None:
    """The code in a mail server's words, and what it or else they say; None where they say nothing."""
    words = _PASSED_ON.sub("", words)
    status, kind = _coded(words)
    blamed = blame(words) if is_open(status) or kind is None else None
    if blamed is not None:
        return status, Kind.HARD if blamed is Blame.NOBODY and not status.startswith("4") else Kind.SOFT
    return (status, kind) if kind else None


def of_letter(words: str) -> tuple[str, Kind] | None:
    """The same of a letter for people: what is no mail server's answer may speak of anything, unless of a mailbox."""
    words = _PASSED_ON.sub("", _SUMMARY.sub("", words))
    status, kind = _coded(words)
    if kind and not is_open(status):
        return status, kind
    if blame(words) is Blame.LATER:
        return status, Kind.SOFT
    answers = "\n".join(f"{line} {after}" for line, after in pairwise([*words.splitlines(), ""]) if _REPLY.search(line))
    told = of_words(answers)
    if told and told[0].endswith(_NOTHING_SAID) and blame(answers) is None and _AFTER_DATA.search(words):
        return told[0], Kind.SOFT
    return told or ((status, kind) if kind and status == _DISABLED else None)


def _coded(words: str) -> tuple[str, Kind | None]:
    """The first code that says something, enhanced if there is such a one, and what it says by itself."""
    enhanced, reply = [found[0] for found in _ENHANCED.finditer(words) if of_code(found[0])], _REPLY.search(words)
    if enhanced:
        # A relay of ours may put one that leaves it open before the other mail server's.
        status = next((code for code in enhanced if not is_open(code)), enhanced[0])
        return status, of_code(status)
    if reply is None:
        return "", None
    # As when the mail server refuses at once (channels/smtp_replies.py): 552 is a full mailbox, 554 may be anything.
    return reply[1], Kind.HARD if reply[1] in ("550", "551", "553", "556") else Kind.SOFT
