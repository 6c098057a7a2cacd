"""Tables: figures of a run, put between two marks of a page and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def put(name: str, text: str, page: Path = PAGE) -> None:
    """Replace what stands between the marks ``name`` of the page."""
    before, _, after = _apart(name, page)
    page.write_text(before + text.strip() + "\n" + after)


def get(name: str, page: Path = PAGE) -> str:
    """What stands between the marks ``name`` of the page."""
    return _apart(name, page)[1].strip()


def _apart(name: str, page: Path) -> tuple[str, str, str]:
    begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->"
    before, begun, rest = page.read_text().partition(begin)
    between, ended, after = rest.partition(end)
    if not (begun and ended):
        raise ValueError(f"{page.name} has no marks for {name}")
    return before + begun, between, ended + after
