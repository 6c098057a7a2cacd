"""The page: docs/benchmarks.md, where each benchmark writes its figures between its own marks; what people wrote round them stays."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def circumstances(versions: Mapping[str, str] | None = None) -> str:
    """When, of what, on what and with what: the line below each table."""
    named = {"Python": platform.python_version(), **(versions or {})}
    made = ", ".join(f"{name} {version}" for name, version in named.items())
    load = os.getloadavg()[0]
    return f"{datetime.now(UTC):%d %B %Y}, In Touch at {_commit()}, {os.cpu_count()} cores, load average at the end {load:.1f}; {made}."


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty=, changed"]
    return subprocess.run(command, cwd=PAGE.parent, capture_output=True, text=True, check=False).stdout.strip() or "an unknown commit"


def publish(name: str, words: str, *, write: bool) -> None:
    """Print the figures, and put them between the marks of ``name`` where they are to be kept."""
    print(words, flush=True)
    if write:
        PAGE.write_text(between(PAGE.read_text(), name, words))


def between(text: str, name: str, words: str) -> str:
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    if begin not in text or end not in text:
        raise SystemExit(f"docs/benchmarks.md has no marks for {name}. Write {begin} and {end} where its figures belong.")
    before, _, rest = text.partition(begin)
    return f"{before}{begin}\n{words}\n{end}{rest.partition(end)[2]}"
