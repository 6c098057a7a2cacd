"""Disclosure: which numbers of a survey may be shown, so that no small group's answers can be read or worked out.

Whoever attacks is taken to know all that is shown of every place, and that wards add up to their area, areas to the city,
and the answers of a question to the number of people who gave one. A number of people who said something is *small* from
1 to ``smallest - 1``. Small numbers are hidden, and others with them, until the best bounds on each are ``smallest`` apart.
None is not small: that nobody chose an answer says nothing about a person. docs/decisions/0030 has the reasons.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from intouch.surveys import overlaps, suppression
from intouch.surveys.suppression import is_small


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


class _Unprotected(Exception):
    """A family of places cannot be protected number by number: nothing of its parts may be shown."""

    def __init__(self, parent: str) -> None:
        self.parent = parent


def protect(city: Place, counts: Mapping[str, Counts], *, overlapping: Sequence[bool], smallest: int) -> dict[str, ShownCounts]:
    """What may be shown of each place. ``overlapping[i]``: people may choose several answers to question ``i``."""
    closed: set[str] = set()
    while True:
        try:
            return _Protection(city, counts, overlapping, smallest, frozenset(closed)).shown()
        except _Unprotected as error:
            closed.add(error.parent)


class _Protection:
    """One attempt, with nothing shown below the places in ``closed``."""

    def __init__(
        self, city: Place, counts: Mapping[str, Counts], overlapping: Sequence[bool], smallest: int, closed: frozenset[str]
    ) -> None:
        self.city, self.counts, self.overlapping, self.smallest, self.closed = city, counts, overlapping, smallest, closed
        self.visible: set[str] = set()
        self.said: list[set[str]] = [set() for _ in overlapping]
        self.cells: list[dict[str, set[int]]] = [{} for _ in overlapping]

    def shown(self) -> dict[str, ShownCounts]:
        if not is_small(self.counts[self.city.key].answered, self.smallest) and not is_small(self._asked(self.city), self.smallest):
            self._see(self.city)
        for number in range(len(self.overlapping)):
            self._totals(number)
            self._tables(number)
        answered = self._answered()
        asides = [self._asides(number, answered) for number in range(len(self.overlapping))]
        return {place.key: self._show(place.key, answered, asides) for place in self.city.all()}

    def _asked(self, place: Place) -> int:
        return self.counts[place.key].asked

    def _question(self, key: str, number: int) -> QuestionCounts:
        return self.counts[key].questions[number]

    def _see(self, place: Place) -> None:
        """Places of which anything may be shown: those with few people are hidden, together with others that mask them."""
        self.visible.add(place.key)
        if place.key in self.closed:
            return
        measures = [[self.counts[part.key].answered for part in place.parts], [self._asked(part) for part in place.parts]]
        hidden = suppression.pool(measures, self.smallest)
        for position, part in enumerate(place.parts):
            if position not in hidden:
                self._see(part)

    def _totals(self, number: int) -> None:
        """Where the number of people who answered this question may be shown."""
        root = self.city.key
        if root in self.visible and not is_small(self._question(root, number).said, self.smallest):
            self.said[number].add(root)
            self._totals_below(self.city, number)

    def _totals_below(self, place: Place, number: int) -> None:
        keys = [part.key for part in place.parts]
        already = {position for position, key in enumerate(keys) if key not in self.visible}
        if len(already) == len(keys):
            return
        caps = [self.counts[key].answered for key in keys]
        hidden = suppression.totals([self._question(key, number).said for key in keys], caps, already, smallest=self.smallest)
        if hidden is None:
            raise _Unprotected(place.key)
        for position, part in enumerate(place.parts):
            if position not in hidden:
                self.said[number].add(part.key)
                self._totals_below(part, number)

    def _tables(self, number: int) -> None:
        """Which answers may be shown where."""
        root = self.city.key
        self.cells[number] = {key: set() for key in self.said[number]}
        if root not in self.said[number]:
            return
        question = self._question(root, number)
        if self.overlapping[number]:
            self._overlaps(self.city, number, overlaps.city(question.choices, question.said, self.smallest))
            return
        hidden = suppression.row(question.choices, self.smallest)
        if hidden is None:
            # Even the sum of the answers tells too much of them.
            self.said[number].clear()
            self.cells[number].clear()
        else:
            self._table(self.city, number, suppression.merge([{at} for at in range(len(question.choices))], hidden))

    def _family(self, place: Place, number: int) -> tuple[list[Place], list[list[str]]]:
        """The parts whose total is shown, and the rows of their table: each by itself, then all others together."""
        shown = [part for part in place.parts if part.key in self.said[number]]
        pooled = [part.key for part in place.parts if part.key not in self.said[number]]
        return shown, [[part.key] for part in shown] + ([pooled] if pooled else [])

    def _table(self, place: Place, number: int, groups: list[set[int]]) -> None:
        """Note what ``place`` may show, ``groups`` being the answers it must not tell apart; then its parts."""
        self.cells[number][place.key] = {at for group in groups if len(group) == 1 for at in group}
        shown, rows = self._family(place, number)
        if not shown:
            return
        table = [[self._sum(keys, number, group) for group in groups] for keys in rows]
        block = suppression.rectangle(table, self.smallest)
        if block is None:
            raise _Unprotected(place.key)
        for position, part in enumerate(shown):
            hidden = block.columns if position in block.rows else frozenset()
            self._table(part, number, suppression.merge(groups, hidden))

    def _overlaps(self, place: Place, number: int, dropped: frozenset[int]) -> None:
        """The same where people may choose several answers; those ``dropped`` are shown nowhere in ``place``."""
        every = frozenset(range(len(self._question(place.key, number).choices)))
        self.cells[number][place.key] = set(every - dropped)
        shown, rows = self._family(place, number)
        if not shown or dropped == every:
            return
        table = [[self._sum(keys, number, {at}) for at in sorted(every)] for keys in rows]
        people = [sum(self._question(key, number).said for key in keys) for keys in rows]
        hidden = overlaps.rows(table, people, dropped, self.smallest)
        if hidden is None:
            raise _Unprotected(place.key)
        for position, part in enumerate(shown):
            self._overlaps(part, number, every if position in hidden else dropped)

    def _sum(self, keys: list[str], number: int, group: set[int]) -> int:
        return sum(self._question(key, number).choices[at] for key in keys for at in group)

    def _answered(self) -> set[str]:
        """Where the number who took part may be shown: not where few of them gave no opinion on a question that is shown."""
        hidden: set[str] = set()
        self._hide_answered(self.city, hidden)
        return self.visible - hidden

    def _hide_answered(self, place: Place, hidden: set[str]) -> tuple[bool, int]:
        """Fill ``hidden``; whether ``place`` must be hidden itself, and the least it can be by what stays shown."""
        family = [part for part in place.parts if part.key in self.visible]
        below = [self._hide_answered(part, hidden) for part in family]
        must = self._has_small_gap(place.key)
        if any(risk for risk, _ in below):
            hidden.update(part.key for part in family)
            lows = [low for _, low in below]
            highs: list[int | None] = [self._asked(part) for part in family]
            # How many were asked in the others is known together, by subtraction.
            others = sum(self._asked(part) for part in place.parts if part not in family)
            spread = suppression.spreads([*lows, 0], [*highs, others], self.counts[place.key].answered)
            must = must or any(
                risk and spread[at] < min(self.smallest, self._asked(family[at]) - lows[at]) for at, (risk, _) in enumerate(below)
            )
            floor = sum(lows)
        else:
            floor = sum(self.counts[part.key].answered for part in family)
        if place is self.city and must:
            hidden.add(place.key)
        return must, max([floor, *(self._question(place.key, at).said for at in self._questions_shown(place.key))])

    def _questions_shown(self, key: str) -> list[int]:
        return [number for number, keys in enumerate(self.said) if key in keys]

    def _has_small_gap(self, key: str) -> bool:
        answered = self.counts[key].answered
        return any(is_small(answered - self._question(key, number).said, self.smallest) for number in self._questions_shown(key))

    def _asides(self, number: int, answered: set[str]) -> set[str]:
        """Where don't know and skip may be shown: both or neither, and in all parts of a place or in none."""
        banned: set[str] = set()
        while True:
            shown: set[str] = set()
            if self._may_show_aside(self.city.key, number) and self.city.key not in banned:
                shown.add(self.city.key)
            for place in self.city.all():
                if place.key in shown and all(part.key not in banned and self._may_show_aside(part.key, number) for part in place.parts):
                    shown.update(part.key for part in place.parts)
            giving_away = [
                place.key
                for place in self.city.all()
                if place.key in shown and not {part.key for part in place.parts} <= shown and not self._masks(place, number, answered)
            ]
            if not giving_away:
                return shown
            banned.update(giving_away)

    def _may_show_aside(self, key: str, number: int) -> bool:
        question = self._question(key, number)
        small = is_small(question.dont_know, self.smallest) or is_small(question.skipped, self.smallest)
        return key in self.said[number] and not small

    def _masks(self, place: Place, number: int, answered: set[str]) -> bool:
        """Whether the asides of ``place``, shown, leave those of its parts, hidden, wide enough bounds."""
        question = self._question(place.key, number)
        asides = {"dont_know": question.dont_know, "skipped": question.skipped}
        return all(self._leaves_wide(place, number, answered, measure, (value, value)) for measure, value in asides.items())

    def _leaves_wide(self, place: Place, number: int, answered: set[str], measure: str, bounds: tuple[int, int]) -> bool:
        """The same of one of the two, which is known to be within ``bounds`` in ``place``, and of the parts' own parts."""
        shown = [part for part in place.parts if part.key in self.said[number]]
        caps = [self._most_asides(part.key, number, answered) for part in shown]
        known = answered | {part.key for part in place.parts} if place.key in answered else answered
        together = sum(self._most_asides(part.key, number, known) for part in place.parts if part not in shown)
        for part, cap in zip(shown, caps, strict=True):
            least, most = max(0, bounds[0] - (sum(caps) - cap) - together), min(cap, bounds[1])
            if is_small(getattr(self._question(part.key, number), measure), self.smallest) and most - least < min(self.smallest, cap):
                return False
            if not self._leaves_wide(part, number, answered, measure, (least, most)):
                return False
        return True

    def _most_asides(self, key: str, number: int, answered: set[str]) -> int:
        """How many may have given no opinion. How many were asked is no secret; nor are, where others are hidden, all their sums."""
        counts = self.counts[key]
        return (counts.answered if key in answered else counts.asked) - counts.questions[number].said

    def _show(self, key: str, answered: set[str], asides: list[set[str]]) -> ShownCounts:
        counts = self.counts[key]
        is_seen = key in self.visible or (key == self.city.key and counts.asked >= self.smallest)
        questions = tuple(self._show_question(key, number, asides[number]) for number in range(len(self.overlapping)))
        return ShownCounts(counts.asked if is_seen else None, counts.answered if key in answered else None, questions)

    def _show_question(self, key: str, number: int, asides: set[str]) -> ShownQuestion:
        question = self._question(key, number)
        if key not in self.said[number]:
            return ShownQuestion(choices=(None,) * len(question.choices))
        cells = self.cells[number][key]
        choices = tuple(value if at in cells else None for at, value in enumerate(question.choices))
        has_asides = key in asides
        return ShownQuestion(question.said, choices, question.dont_know if has_asides else None, question.skipped if has_asides else None)
