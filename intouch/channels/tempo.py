"""Tempo: how many connections a mail server may be asked for at this moment; it falls fast and rises slowly. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from intouch.channels.smtp_replies import Reply, Stage

SUCCESSES_TO_RISE = 50
_QUIET = 1.0  # seconds: what many connections hear at once is one complaint
_LONGEST_REST = 10.0
_OF_PACE = re.compile(r"(?i)\btoo (many|much|fast|quick)|\brate\b|\bslow down\b")
_GREYLISTED = re.compile(r"(?i)\bgr[ae]y\W?list")  # milter-greylist, rspamd and Exim say so with 451


@dataclass(slots=True)
class Tempo:
    """Half as many connections after each complaint; at one connection a rest after each message, doubling; back by successes.

    Behind a complaint nothing is begun for a moment, which doubles until a message is taken: a server that takes so many a second
    would else refuse all that wait before the second is over, and each of them would wait for minutes. Such a silence makes the rest
    no longer than its first complaint did: a server that takes so many a minute takes the next minute's without any rest.
    """

    most: int
    allowed: int = 0
    rest: float = 0.0
    _successes: int = 0
    _deaf_until: float = 0.0
    _breath: float = 0.0
    _breathes_until: float = 0.0

    def __post_init__(self) -> None:
        self.allowed = self.most

    @property
    def is_full(self) -> bool:
        return self.allowed == self.most and not self.rest

    def wait(self, now: float) -> float:
        """Seconds until the next message may be begun."""
        return max(self.rest, self._breathes_until - now)

    def praise(self) -> None:
        """A message was taken."""
        self._breath = 0.0
        if self.is_full:
            return
        self._successes += 1
        if self._successes >= (SUCCESSES_TO_RISE if self.allowed > 1 else 5):
            self._successes = 0
            if self.rest > 0.1:
                self.rest /= 2
            else:
                self.rest = 0.0
                self.allowed = min(self.most, self.allowed + 1)

    def complain(self, now: float) -> bool:
        """The server asked for less; True when that changed anything."""
        self._successes = 0
        is_first = not self._breath  # since a message was taken
        if now >= self._breathes_until:  # else it is about what was under way
            self._breath = max(_longer(self._breath), self.rest)
            self._breathes_until = now + self._breath
        if now < self._deaf_until:
            return False
        self._deaf_until = now + _QUIET
        if self.allowed > 1:
            self.allowed //= 2
            return True
        if is_first:
            self.rest = _longer(self.rest)
        return is_first


def _longer(pause: float) -> float:
    return min(_LONGEST_REST, max(0.1, pause * 2))


def is_complaint(reply: Reply, stage: Stage = Stage.RCPT) -> bool:
    """Whether a reply is about us and our pace: 421, 4xx to MAIL, or 4xx that does not speak of the recipient (4.1, 4.2, greylisting)."""
    if not 400 <= reply.code < 500:
        return False
    if reply.closes or stage is Stage.MAIL:
        return True
    subject = reply.enhanced.split(".")[1] if reply.enhanced else ""
    if (reply.code == 450 and subject in ("", "7")) or _GREYLISTED.search(reply.text):
        return _OF_PACE.search(reply.text) is not None  # else greylisting; Postfix too limits recipients with 450 4.7.1
    return subject in ("", "3", "4", "5", "7")
