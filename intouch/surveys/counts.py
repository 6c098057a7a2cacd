"""Counts: the true numbers of a survey in a tree of places, and what may be shown of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Place:
    """A place and the places that it is made of, whose numbers add up to its own."""

    key: str
    parts: tuple[Place, ...] = ()

    def all(self) -> Iterator[Place]:
        """This place and everything below it."""
        yield self
        for part in self.parts:
            yield from part.all()


@dataclass(frozen=True)
class QuestionCounts:
    """One question in one place: how many said something of their own, and what; or don't know, or skipped."""

    said: int
    choices: tuple[int, ...] = ()
    dont_know: int = 0
    skipped: int = 0


@dataclass(frozen=True)
class Counts:
    """One place: how many were asked, how many answered at all, and each question."""

    asked: int
    answered: int
    questions: tuple[QuestionCounts, ...] = ()


@dataclass(frozen=True)
class ShownQuestion:
    """What may be shown of ``QuestionCounts``; None is hidden."""

    said: int | None = None
    choices: tuple[int | None, ...] = ()
    dont_know: int | None = None
    skipped: int | None = None


@dataclass(frozen=True)
class ShownCounts:
    """What may be shown of ``Counts``; None is hidden."""

    asked: int | None = None
    answered: int | None = None
    questions: tuple[ShownQuestion, ...] = ()
