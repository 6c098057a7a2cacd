"""Disclosure: which numbers of a survey may be shown, so that no small group's answers can be read or worked out.

Whoever attacks is taken to know all that is shown of every place, and that wards add up to their area, areas to the city,
and the answers of a question to the number of people who gave one. A number of people who said something is *small* from
1 to ``smallest - 1``. Small numbers are hidden, and others with them, until the best bounds on each are ``smallest`` apart.
None is not small: that nobody chose an answer says nothing about a person. docs/decisions/0030 has the reasons.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from intouch.surveys import overlaps, suppression
from intouch.surveys.counts import Counts, Place, QuestionCounts, ShownCounts, ShownQuestion
from intouch.surveys.no_opinion import NoOpinion
from intouch.surveys.suppression import is_small


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
        no_opinion = NoOpinion(self.city, self.counts, self.visible, self.said, self.smallest)
        answered = no_opinion.answered()
        asides = no_opinion.asides(answered)
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
