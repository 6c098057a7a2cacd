"""Calling: one call to the Bot API, where an answer that is none, such as a proxy's page, counts as no answer."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar

from telegram.error import NetworkError, TelegramError

Answer = TypeVar("Answer")


class NotUnderstood(NetworkError):
    """What came back was no answer of a Bot API: like one that answers 5xx, it is asked again later."""


async def understood(call: Awaitable[Answer]) -> Answer:
    """What the Bot API answers; raises ``NotUnderstood`` where the library only stumbles over what came back."""
    try:
        return await call
    except TelegramError as error:
        # Its plainest error is the library's word for what is no JSON.
        if type(error) is TelegramError:
            raise not_understood(error) from None
        raise
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        raise not_understood(error) from None


def not_understood(error: Exception) -> NotUnderstood:
    """The error by its name alone: its words may quote what people wrote."""
    return NotUnderstood(f"the Bot API's answer was not understood ({type(error).__name__})")
