"""An attacker who knows everything that is shown, and works out the best bounds on what is not by linear programming."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
from scipy.optimize import linprog

from intouch.surveys.counts import Counts, Place, ShownCounts


class Attacker:
    """Bounds on any number of any place: its parts add up, answers are of one kind each, and the shown numbers are true."""

    def __init__(self, city: Place, true: Mapping[str, Counts], shown: Mapping[str, ShownCounts], overlapping: Sequence[bool]) -> None:
        self.leaves = {place.key: [leaf.key for leaf in place.all() if not leaf.parts] for place in city.all()}
        self.names: dict[tuple[object, ...], int] = {}
        self.equal: list[tuple[dict[int, float], float]] = []
        self.at_most: list[tuple[dict[int, float], float]] = []
        questions = true[city.key].questions
        for leaf in self.leaves[city.key]:
            asked, answered = self._name(leaf, "asked"), self._name(leaf, "answered")
            self.at_most.append(({answered: 1, asked: -1}, 0))
            for number, question in enumerate(questions):
                self._rules(leaf, number, len(question.choices), overlaps=overlapping[number], is_only=len(questions) == 1)
        for place in city.all():
            self._believe(place.key, shown[place.key])

    def _name(self, *key: object) -> int:
        return self.names.setdefault(key, len(self.names))

    def _rules(self, leaf: str, number: int, width: int, *, overlaps: bool, is_only: bool) -> None:
        said, rest = self._name(leaf, number, "said"), {}
        for kind in ("dont_know", "skipped") if is_only else ("dont_know", "skipped", "unreached"):
            rest[self._name(leaf, number, kind)] = 1.0
        self.equal.append(({said: 1.0, **rest, self._name(leaf, "answered"): -1.0}, 0))
        choices = {self._name(leaf, number, at): 1.0 for at in range(width)}
        if not choices:
            return
        if overlaps:
            self.at_most.append(({**dict.fromkeys(choices, -1.0), said: 1.0}, 0))
            self.at_most.extend(({choice: 1.0, said: -1.0}, 0) for choice in choices)
        else:
            self.equal.append(({**choices, said: -1.0}, 0))

    def _sum(self, key: str, *name: object) -> dict[int, float]:
        return {self._name(leaf, *name): 1.0 for leaf in self.leaves[key]}

    def _believe(self, key: str, shown: ShownCounts) -> None:
        known = [(("asked",), shown.asked), (("answered",), shown.answered)]
        for number, question in enumerate(shown.questions):
            known += [
                ((number, "said"), question.said),
                ((number, "dont_know"), question.dont_know),
                ((number, "skipped"), question.skipped),
            ]
            known += [((number, at), value) for at, value in enumerate(question.choices)]
        self.equal.extend((self._sum(key, *name), float(value)) for name, value in known if value is not None)

    def spread(self, key: str, *name: object, without: tuple[object, ...] = ()) -> float:
        """How far apart the bounds on this number are (on its difference to ``without``, where given)."""
        aim = np.zeros(len(self.names))
        for at in self._sum(key, *name):
            aim[at] += 1
        for at in self._sum(key, *without) if without else {}:
            aim[at] -= 1
        least, most = self._solve(aim), self._solve(-aim)
        return float("inf") if most is None or least is None else -most - least

    def _solve(self, aim: np.ndarray) -> float | None:
        result = linprog(aim, *self._known, bounds=(0, None), method="highs")
        assert result.status in (0, 3), result.message
        return None if result.status == 3 else float(result.fun)

    @cached_property
    def _known(self) -> tuple[np.ndarray, ...]:
        return (*self._matrix(self.at_most), *self._matrix(self.equal))

    def _matrix(self, rows: list[tuple[dict[int, float], float]]) -> tuple[np.ndarray, np.ndarray]:
        matrix = np.zeros((len(rows), len(self.names)))
        for number, (terms, _) in enumerate(rows):
            for at, weight in terms.items():
                matrix[number, at] = weight
        return matrix, np.array([value for _, value in rows])
