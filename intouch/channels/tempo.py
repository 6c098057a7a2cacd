"""Tempo: how many connections a mail server may be asked for at this moment; it falls fast and rises slowly. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from intouch.channels.smtp_replies import Reply

SUCCESSES_TO_RISE = 50
_QUIET = 1.0  # seconds: what many connections hear at once is one complaint
_LONGEST_REST = 10.0


@dataclass(slots=True)
class Tempo:
    """Half as many connections after each complaint; at one connection a rest after each message, doubling; back by successes."""

    most: int
    allowed: int = 0
    rest: float = 0.0
    _successes: int = 0
    _deaf_until: float = 0.0

    def __post_init__(self) -> None:
        self.allowed = self.most

    @property
    def is_full(self) -> bool:
        return self.allowed == self.most and not self.rest

    def praise(self) -> None:
        """A message was taken."""
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
        if now < self._deaf_until:
            return False
        self._deaf_until = now + _QUIET
        if self.allowed > 1:
            self.allowed //= 2
        else:
            self.rest = min(_LONGEST_REST, max(0.1, self.rest * 2))
        return True


def is_complaint(reply: Reply) -> bool:
    """Whether a reply is about us and our pace: 421, or 4xx that does not speak of the recipient (4.1.x, 4.2.x, greylisting)."""
    if not 400 <= reply.code < 500:
        return False
    if reply.closes:
        return True
    subject = reply.enhanced.split(".")[1] if reply.enhanced else ""
    return reply.code != 450 if not subject else subject in ("3", "4", "5") or (subject == "7" and reply.code != 450)
