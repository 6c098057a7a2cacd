"""Refusals: the ways in which the Bot API says no, in its own words."""

from __future__ import annotations

from typing import Any


class Refused(Exception):
    """An answer with ``"ok": false``; ``parameters`` are the ResponseParameters, such as ``retry_after``."""

    def __init__(self, code: int, description: str, **parameters: Any) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.parameters = parameters

    def to_json(self) -> dict[str, Any]:
        answer: dict[str, Any] = {"ok": False, "error_code": self.code, "description": self.description}
        return {**answer, "parameters": self.parameters} if self.parameters else answer


def bad_request(reason: str) -> Refused:
    return Refused(400, f"Bad Request: {reason}")


def forbidden(reason: str) -> Refused:
    return Refused(403, f"Forbidden: {reason}")


def too_many(retry_after: int) -> Refused:
    return Refused(429, f"Too Many Requests: retry after {retry_after}", retry_after=retry_after)


def other_poller() -> Refused:
    return Refused(409, "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running")


def webhook_is_set() -> Refused:
    return Refused(409, "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first")
