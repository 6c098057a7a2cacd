"""Errors: the sentence a person reads when something they did cannot be done."""

from __future__ import annotations


class InTouchError(Exception):
    """Something a person did cannot be done; ``str(error)`` is the sentence they read.

    The sentence says what is wrong and what to do next, in plain words, and never holds a secret,
    an address or what somebody else wrote. Anything that is not an ``InTouchError`` is a bug.
    """


class NotFound(InTouchError):
    """What was asked for does not exist, or not any more."""


class BadInput(InTouchError):
    """What was written cannot be understood; the sentence says how to write it."""


class NotAllowed(InTouchError):
    """The person may not do this."""


class Closed(InTouchError):
    """The thing exists but takes no more changes."""
