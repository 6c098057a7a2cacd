"""Doubt: how long a mail server or a bot is believed that finds nobody at one address after the other. Pure."""

from __future__ import annotations

from intouch.channels import outcomes
from intouch.channels.outcomes import Outcome, Verdict

MOST_MISSING = 5


class Doubt:
    """After so many addresses in a row that do not exist, by what the server says, and nobody to whom it took a message, the next ones
    are tried again later: it is set up wrongly. OpenSMTPD says "550 Invalid recipient" of everybody to whom we may not send, and the
    Bot API "chat not found" of all who signed up with another bot than the one whose token is set."""

    def __init__(self) -> None:
        self._missing = 0

    def weigh(self, outcome: Outcome) -> Outcome:
        """What is to be made of an outcome, after those before it."""
        if outcome.verdict is Verdict.SENT:
            self._missing = 0
        elif outcome.verdict is Verdict.DEAD:
            self._missing += 1
            if self._missing > MOST_MISSING:
                return outcomes.retry(outcome.error)
        return outcome
