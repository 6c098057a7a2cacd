"""Overlaps: which rows to hide of a table whose columns overlap, because people may choose several answers.

Known to an attacker are each row's number of people, each column's total over the rows, that nobody is counted twice
in a column, and that everybody counted chose at least one. A hidden number is safe when tables that agree with all
of this, found by moving choices between rows, differ in it by ``smallest`` or more.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from intouch.surveys.suppression import is_small

Cell = tuple[int, int]


@dataclass
class _Table:
    """A table that moves change while it stays one that an attacker must take for possible."""

    cells: list[list[int]]
    people: list[int]

    def spare(self, row: int) -> int:
        """How many choices the row's people made beyond one each."""
        return sum(self.cells[row]) - self.people[row]

    def move(self, column: int, giver: int, taker: int) -> int:
        """Move as many of ``column`` from one row to the other as the rules allow; how many that were."""
        moved = self._shift(column, giver, taker, min(self.spare(giver), self._most(column, giver, taker)))
        for other in range(len(self.cells[0])):
            if other != column:
                swapped = min(self._most(column, giver, taker), self._most(other, taker, giver))
                self._shift(other, taker, giver, swapped)
                moved += self._shift(column, giver, taker, swapped)
        return moved

    def _most(self, column: int, giver: int, taker: int) -> int:
        return min(self.cells[giver][column], self.people[taker] - self.cells[taker][column])

    def _shift(self, column: int, giver: int, taker: int, number: int) -> int:
        self.cells[giver][column] -= number
        self.cells[taker][column] += number
        return number


def city(choices: Sequence[int], people: int, smallest: int) -> frozenset[int]:
    """Which columns to hide where no total over rows is known: those that few chose, or that few did not choose."""
    return frozenset(at for at, count in enumerate(choices) if is_small(count, smallest) or is_small(people - count, smallest))


def rows(table: Sequence[Sequence[int]], people: Sequence[int], dropped: Collection[int], smallest: int) -> frozenset[int] | None:
    """Which rows to hide, all their columns at once; None when no set of rows masks each other. ``dropped`` columns are hidden anyway."""
    small = [
        (at, to)
        for at, values in enumerate(table)
        for to, value in enumerate(values)
        if to not in dropped and (is_small(value, smallest) or is_small(people[at] - value, smallest))
    ]
    hidden = {at for at, _ in small}
    for more in sorted((at for at in range(len(table)) if at not in hidden and people[at]), key=lambda at: people[at]):
        if all(_spread(table, people, hidden, cell) >= smallest for cell in small):
            break
        hidden.add(more)
    return frozenset(hidden) if all(_spread(table, people, hidden, cell) >= smallest for cell in small) else None


def _spread(table: Sequence[Sequence[int]], people: Sequence[int], hidden: Collection[int], cell: Cell) -> int:
    """By how much, at least, the number in ``cell`` may differ between possible tables."""
    row, column = cell
    others = [at for at in sorted(hidden) if at != row]
    more, fewer = (_Table([list(values) for values in table], list(people)) for _ in range(2))
    return sum(more.move(column, other, row) for other in others) + sum(fewer.move(column, row, other) for other in others)
