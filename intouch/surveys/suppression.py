"""Suppression: which cells of a table of counts to hide, so that its totals do not bring a small one back.

Bounds on the hidden cells of a full block with known row and column sums are Fréchet's, and no attacker with these sums
can do better: for a two-way table they are sharp (Dobra and Fienberg, PNAS 97:11885, 2000).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass


def is_small(count: int, smallest: int) -> bool:
    """Whether so few people must not be shown: some, but fewer than ``smallest``."""
    return 0 < count < smallest


@dataclass(frozen=True)
class Block:
    """The rows and columns whose crossings are hidden; empty when nothing needs to be."""

    rows: frozenset[int] = frozenset()
    columns: frozenset[int] = frozenset()


def spreads(lows: Sequence[int], highs: Sequence[int | None], total: int) -> list[int]:
    """How far apart the best bounds on each number are, when all lie between ``lows`` and ``highs`` and add up to ``total``."""
    tops = [total if high is None else min(high, total) for high in highs]
    all_lows, all_tops = sum(lows), sum(tops)
    return [min(top, total - (all_lows - low)) - max(low, total - (all_tops - top)) for low, top in zip(lows, tops, strict=True)]


def spreads_beside(caps: Sequence[int], together: int, pooled: int, total: int) -> list[int]:
    """As ``spreads``, from nought to each cap, and behind them the same for ``pooled`` numbers of which only the sum has a cap."""
    *single, _ = spreads([0] * (len(caps) + 1), [*caps, together], total)
    # One of the pool may be all of it or, where there is another, nothing of it.
    least = max(0, total - sum(caps)) if pooled == 1 else 0
    return [*single, *[min(together, total) - least] * pooled]


def merge(groups: Sequence[set[int]], hidden: Collection[int]) -> list[set[int]]:
    """``groups`` with those at the ``hidden`` positions made one, as its parts can't be told apart any more."""
    kept = [group for at, group in enumerate(groups) if at not in hidden]
    one = set().union(*(group for at, group in enumerate(groups) if at in hidden))
    return [*kept, one] if one else kept


def row(values: Sequence[int], smallest: int) -> frozenset[int] | None:
    """Which of these numbers, whose sum is known, to hide; None when the sum must be hidden as well."""
    hidden = {at for at, value in enumerate(values) if is_small(value, smallest)}
    for more in sorted((at for at, value in enumerate(values) if value and at not in hidden), key=lambda at: values[at]):
        if not hidden or _masked(values, hidden, smallest):
            break
        hidden.add(more)
    return frozenset(hidden) if not hidden or _masked(values, hidden, smallest) else None


def _masked(values: Sequence[int], hidden: Collection[int], smallest: int) -> bool:
    # Zeros are shown, so a hidden number is at least one: that much less room is left for each.
    return len(hidden) > 1 and sum(values[at] for at in hidden) - len(hidden) >= smallest


def pool(measures: Sequence[Sequence[int]], smallest: int) -> frozenset[int]:
    """Which rows to hide wholly: those that are small by any measure, and the next smallest until their sums are not."""
    rows = range(len(measures[0]) if measures else 0)
    hidden = {at for at in rows if any(is_small(measure[at], smallest) for measure in measures)}
    for more in sorted((at for at in rows if at not in hidden), key=lambda at: (not measures[0][at], measures[0][at])):
        if not hidden or all(_is_masked_sum(measure, hidden, smallest) for measure in measures):
            break
        hidden.add(more)
    return frozenset(hidden)


def totals(values: Sequence[int], caps: Sequence[int], already: Collection[int], *, smallest: int) -> frozenset[int] | None:
    """Which row totals to hide, besides those hidden ``already``; None: it can't be done.

    Each is known to be at most its cap. Of those hidden already only the sum of the caps is known.
    """
    hidden = {at for at, value in enumerate(values) if is_small(value, smallest)} | set(already)
    for more in sorted((at for at, value in enumerate(values) if value and at not in hidden), key=lambda at: values[at]):
        if not hidden or _are_wide(values, caps, hidden, already, smallest):
            break
        hidden.add(more)
    return frozenset(hidden) if not hidden or _are_wide(values, caps, hidden, already, smallest) else None


def _is_masked_sum(values: Sequence[int], hidden: Collection[int], smallest: int) -> bool:
    total = sum(values[at] for at in hidden)
    return total == 0 or (len(hidden) > 1 and total - len(hidden) >= smallest)


def _are_wide(values: Sequence[int], caps: Sequence[int], hidden: Collection[int], already: Collection[int], smallest: int) -> bool:
    if not _is_masked_sum(values, hidden, smallest):
        return False
    single, pooled = sorted(set(hidden) - set(already)), sorted(already)
    total, together = sum(values[at] for at in hidden), sum(caps[at] for at in pooled)
    wide = spreads_beside([caps[at] for at in single], together, len(pooled), total)
    return all(spread >= smallest for at, spread in zip([*single, *pooled], wide, strict=True) if is_small(values[at], smallest))


def rectangle(rows: Sequence[Sequence[int]], smallest: int) -> Block | None:
    """The block of cells to hide in a table whose row and column totals are all known; None when none is wide enough.

    Begins with the rows and columns of the small cells and takes in the one that costs the fewest people until Fréchet's
    bounds on every small cell are ``smallest`` apart.
    """
    small = [(at, to) for at, values in enumerate(rows) for to, value in enumerate(values) if is_small(value, smallest)]
    if not small:
        return Block()
    block = Block(frozenset(at for at, _ in small), frozenset(to for _, to in small))
    while not _is_wide_block(rows, block, small, smallest):
        larger = _grow(rows, block)
        if larger is None:
            return None
        block = larger
    return block


def _is_wide_block(rows: Sequence[Sequence[int]], block: Block, small: Sequence[tuple[int, int]], smallest: int) -> bool:
    across = {at: sum(rows[at][to] for to in block.columns) for at in block.rows}
    down = {to: sum(rows[at][to] for at in block.rows) for to in block.columns}
    total = sum(across.values())
    return all(min(across[at], down[to]) - max(0, across[at] + down[to] - total) >= smallest for at, to in small)


def _grow(rows: Sequence[Sequence[int]], block: Block) -> Block | None:
    """The block with one more row or column, whichever hides fewer people; a second of each comes first."""
    every_row, every_column = set(range(len(rows))), set(range(len(rows[0])))
    more_rows = {at: sum(rows[at][to] for to in block.columns) for at in every_row - block.rows}
    more_columns = {to: sum(rows[at][to] for at in block.rows) for to in every_column - block.columns}
    row_at = min((at for at, cost in more_rows.items() if cost), key=more_rows.__getitem__, default=None)
    column_at = min((to for to, cost in more_columns.items() if cost), key=more_columns.__getitem__, default=None)
    takes_row = column_at is None or (row_at is not None and more_rows[row_at] <= more_columns[column_at])
    if len(block.columns) < 2 and column_at is not None:
        takes_row = False
    elif len(block.rows) < 2 and row_at is not None:
        takes_row = True
    if takes_row and row_at is not None:
        return Block(block.rows | {row_at}, block.columns)
    if column_at is not None:
        return Block(block.rows, block.columns | {column_at})
    return None
