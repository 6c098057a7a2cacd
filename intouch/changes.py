"""Changes: what an import changes, counted and with examples, for people and for machines."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

_EXAMPLES = 5


@dataclass
class Changes:
    """What importing ``source`` adds, changes and closes; each entry is a short text such as a code and a name."""

    source: str
    things: str
    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)
    unchanged: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.added or self.changed or self.closed)

    def lines(self) -> list[str]:
        """The report that a person reads."""
        counts = [_line(word, entries) for word, entries in self._lists().items()]
        unchanged = f"  {'unchanged':<10} {self.unchanged:>6,}"
        return [f"{self.source}: {self.things}", *counts, unchanged, *(f"  {note}" for note in self.notes)]

    def to_json(self) -> dict[str, Any]:
        """The report that a machine reads."""
        counts = {word: len(entries) for word, entries in self._lists().items()}
        return {
            "source": self.source,
            "things": self.things,
            **counts,
            "unchanged": self.unchanged,
            "examples": {word: entries[:_EXAMPLES] for word, entries in self._lists().items()},
            "notes": self.notes,
        }

    def _lists(self) -> dict[str, list[str]]:
        return {"added": self.added, "changed": self.changed, "closed": self.closed}


def _line(word: str, entries: list[str]) -> str:
    examples = ", ".join(entries[:_EXAMPLES]) + (", …" if len(entries) > _EXAMPLES else "")
    return f"  {word:<10} {len(entries):>6,}  {examples}".rstrip()
