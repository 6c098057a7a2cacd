"""No opinion: where may be shown how many took part, did not know or skipped, so that a few who gave no opinion stay hidden.

What is checked is what an attacker must take for possible. Keep every opinion as it is, and let people who gave none have
taken part elsewhere: then any numbers of people who took part are possible that lie, in each ward, between the most
opinions on one question and the people asked, and that add up to all numbers known of larger places. Where don't know and
skip are shown, no fewer took part than these and the opinions together (others may not have come to the question), and
exactly as many where it is the only one; all who are left there can be either. Places in which nothing is shown are one,
because any of them may hold all of the others' people. On such a tree the bounds of each place, summed up and passed down
again, are exact: each subtree takes every whole number between its own, whatever the others take (as with
``suppression.spreads``). So bounds apart here are at least as far apart for the attacker, and more is hidden until they are.

Where the opinions on a question are hidden themselves, with those of other places, an opinion here and a don't know there
may be the other way round: nothing more is needed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from intouch.surveys.counts import Counts, Place
from intouch.surveys.suppression import is_small


@dataclass(frozen=True)
class Bounds:
    """The fewest and the most people that a number may be."""

    low: int
    high: int

    @property
    def spread(self) -> int:
        return self.high - self.low


class NoOpinion:
    """The places in ``visible`` (anything may be shown) and, by question, in ``said`` (how many gave an opinion is shown)."""

    def __init__(
        self, city: Place, counts: Mapping[str, Counts], visible: Collection[str], said: Sequence[Collection[str]], smallest: int
    ) -> None:
        self.city, self.counts, self.visible, self.said, self.smallest = city, counts, visible, said, smallest
        self.above = {part.key: place for place in city.all() for part in place.parts}
        self.unknown = self._bounds(())

    def answered(self) -> set[str]:
        """Where the number who took part may be shown."""
        shown = set(self.visible)
        while (weak := self._weak(shown, ())) is not None:
            shown -= next(family for family in self._around(weak) if not family.isdisjoint(shown))
        return shown

    def asides(self, answered: Collection[str]) -> list[set[str]]:
        """By question, where don't know and skip may be shown: both or neither, and in all parts of a place or in none."""
        chosen: list[set[str]] = []
        for number in range(len(self.said)):
            banned: set[str] = set()
            shown = self._asides(number, banned)
            while (weak := self._weak(answered, [*chosen, shown])) is not None:
                banned.add(next(key for key in self._upwards(weak) if key in shown))
                shown = self._asides(number, banned)
            chosen.append(shown)
        return chosen

    def _asides(self, number: int, banned: Collection[str]) -> set[str]:
        def may(key: str) -> bool:
            question = self.counts[key].questions[number]
            small = is_small(question.dont_know, self.smallest) or is_small(question.skipped, self.smallest)
            return key in self.said[number] and key not in banned and not small

        shown = {self.city.key} if may(self.city.key) else set()
        for place in self.city.all():
            if place.key in shown and all(may(part.key) for part in place.parts):
                shown.update(part.key for part in place.parts)
        return shown

    def _upwards(self, key: str) -> Iterator[str]:
        """The place itself and those it is part of, the city last."""
        yield key
        while key in self.above:
            key = self.above[key].key
            yield key

    def _around(self, key: str) -> Iterator[set[str]]:
        """What to hide next to blur a place: the parts of what it is part of and of these, then the same further up; the city."""
        at = key
        while at in self.above:
            for place in self.above[at].all():
                yield {part.key for part in place.parts}
            at = self.above[at].key
        yield {self.city.key}
        for place in self.city.all():
            yield {part.key for part in place.parts}

    def _weak(self, answered: Collection[str], asides: Sequence[Collection[str]]) -> str | None:
        """A place where a few people who gave no opinion are too nearly known when all this is shown; None: there is none."""
        fixed = self._bounds(set(answered).union(*asides))
        bounds = self._bounds(answered, asides) if len(self.said) > 1 else fixed
        for key, found in bounds.items():
            if self._has_small_gap(key) and found.spread < min(self.smallest, self.unknown[key].spread):
                return key
            if any(self._gives_away(key, number, shown, fixed[key]) for number, shown in enumerate(asides)):
                return key
        return None

    def _gap(self, key: str, number: int) -> int:
        """How many took part and gave no opinion on this question."""
        return self.counts[key].answered - self.counts[key].questions[number].said

    def _has_small_gap(self, key: str) -> bool:
        return any(key in shown and is_small(self._gap(key, number), self.smallest) for number, shown in enumerate(self.said))

    def _gives_away(self, key: str, number: int, shown: Collection[str], found: Bounds) -> bool:
        """Whether don't know or skip, shown of a larger place, tell too much of the few here, of whom ``found`` took part."""
        around = next((at for at in self._upwards(key) if at in shown), key)
        if around == key or key not in self.said[number]:
            return False
        here, there = self.counts[key].questions[number], self.counts[around].questions[number]
        for few, total in ((here.dont_know, there.dont_know), (here.skipped, there.skipped)):
            most = min(found.high - here.said, total)
            least = max(0, found.low - here.said - (self._gap(around, number) - total))
            if is_small(few, self.smallest) and most - least < min(self.smallest, self._gap(key, number)):
                return True
        return False

    def _bounds(self, known: Collection[str], asides: Sequence[Collection[str]] = ()) -> dict[str, Bounds]:
        """Of each visible place, how many may have taken part when this is known of places, and ``asides`` are shown."""
        found: dict[str, Bounds] = {}
        if self.city.key in self.visible:
            self._sum_up(self.city, known, asides, found)
            self._pass_down(self.city, found)
        return found

    def _pieces(self, place: Place) -> tuple[list[Place], Bounds]:
        """The visible parts, and what the others together may be (or the place itself, if it has no visible part)."""
        visible = [part for part in place.parts if part.key in self.visible]
        hidden = [part for part in place.parts if part.key not in self.visible] if visible else [place]
        others = [self.counts[one.key] for one in hidden]
        opinions = (sum(one.questions[number].said for one in others) for number in range(len(self.said)))
        return visible, Bounds(max(opinions, default=0), sum(one.asked for one in others))

    def _sum_up(self, place: Place, known: Collection[str], asides: Sequence[Collection[str]], found: dict[str, Bounds]) -> Bounds:
        parts, others = self._pieces(place)
        below = [others, *(self._sum_up(part, known, asides, found) for part in parts)]
        counts = self.counts[place.key]
        told = [counts.questions[number] for number, shown in enumerate(asides) if place.key in shown]
        least = max((one.said + one.dont_know + one.skipped for one in told), default=0)
        summed = Bounds(max(least, sum(one.low for one in below)), sum(one.high for one in below))
        found[place.key] = Bounds(counts.answered, counts.answered) if place.key in known else summed
        return found[place.key]

    def _pass_down(self, place: Place, found: dict[str, Bounds]) -> None:
        parts, others = self._pieces(place)
        whole, below = found[place.key], [others, *(found[part.key] for part in parts)]
        lows, highs = sum(one.low for one in below), sum(one.high for one in below)
        for part in parts:
            own = found[part.key]
            found[part.key] = Bounds(max(own.low, whole.low - (highs - own.high)), min(own.high, whole.high - (lows - own.low)))
            self._pass_down(part, found)
