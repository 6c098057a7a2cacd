"""Sheets: CSV files that people hand over, in whatever encoding they come, with every bad row named by its line."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from intouch import legible
from intouch.errors import BadInput

Read = TypeVar("Read")

LONGEST_NAME = 100  # of a ward, an area, a person: it stands on buttons, in subjects and in tables

_MOST_NAMED = 20
_DELIMITERS = (",", ";", "\t", "|")
_NO_CSV = {b"PK\x03\x04": "an Excel or OpenDocument workbook", b"\xd0\xcf\x11\xe0": "an old Excel workbook", b"%PDF": "a PDF"}
# What people write beside letters in Windows' own encoding; anything else means that it is another one.
_USUAL_SIGNS = frozenset("\u00a0£€§©®°·´²³¼½¾«»¿¡ªº–—‘’“”•…™")

_LETTER = r"[^\W\d_ªº]"
_WORD = re.compile(f"{_LETTER}+")
_CUBIC = re.compile(rf"\b(?:[cdkm]?m|ft|in|yd)³(?!{_LETTER})")
# "Łukasz" in Windows' central European encoding reads "£ukasz" here: so do Ł ł Ľ ľ ż Ş ş, which these signs stand for.
_ODD_SIGN = re.compile(rf"(?<={_LETTER})(?:£(?!\d)|[³¼¾¿ªº])|[£³¼¾ªº](?={_LETTER})|¿(?=[a-zß-öø-ÿœšž])")


class BadFile(BadInput):
    """A file, or rows of it, can't be read; the sentence names the file, the lines and the reasons."""


@dataclass(frozen=True)
class Problem:
    """What is wrong, and with which of the file's lines or features."""

    number: int
    reason: str


class BadRow(Exception):
    """Raised while one row is read: its reason is collected and the reading goes on with the next row."""


@dataclass(frozen=True)
class Row:
    """One row of a sheet: the line of the file on which it starts, and its cells by column name."""

    line: int
    cells: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        return self.cells.get(fold(column), "")

    def required(self, column: str) -> str:
        """The cell, in which there must be something to read."""
        if legible.is_blank(self[column]):
            raise BadRow(f"{column} is empty")
        return self[column]

    def name(self, column: str) -> str:
        """The cell as a name on one line, which must be there and not too long to show."""
        name = " ".join(self.required(column).split())
        if len(name) > LONGEST_NAME:
            raise BadRow(f"{column} has {len(name):,} characters; at most {LONGEST_NAME} fit")
        return name


@dataclass(frozen=True)
class Sheet:
    """A CSV file with a heading: its name, the columns as they are spelled in it, its rows, and those that are none."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    problems: tuple[Problem, ...] = ()

    def has(self, column: str) -> bool:
        return fold(column) in map(fold, self.columns)


def fold(column: str) -> str:
    """``Ward code`` and ``ward_code`` are one column."""
    return "_".join(column.strip().casefold().replace("-", " ").replace("_", " ").split())


def read(path: Path, columns: Iterable[str]) -> Sheet:
    """The sheet in a file; ``BadFile`` unless it is CSV text with these columns and at least one row."""
    return parse(decode(load(path), path.name), path.name, columns)


def load(path: Path) -> bytes:
    """The bytes of a file that somebody named; ``BadFile`` says why it can't be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadFile(f"{path} can't be read: {error.strerror}.") from None


def decode(raw: bytes, name: str, *, wanted: str = '"CSV UTF-8"') -> str:
    """The text of a file in UTF-8, UTF-16 or Windows' own encoding; ``BadFile`` when it is not safe to say which.

    ``wanted`` is what the file should be saved as, in the words of the program that people make it with.
    """
    for beginning, what in _NO_CSV.items():
        if raw.startswith(beginning):
            raise BadFile(f"{name} is {what}. Please save it as {wanted} and import that file.")
    text = _decoded(raw)
    if text is None:
        raise BadFile(f"{name} is in an encoding that In Touch can't tell for certain. Please save it as {wanted} and try again.")
    if legible.RULING.search(text):
        raise BadFile(f"{name} holds control characters: it is not a text file, or part of it was damaged.")
    return text


def _decoded(raw: bytes) -> str | None:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _try(raw, "utf-16")
    sample = raw[:2000]
    if len(sample) > 1 and sample[1::2].count(0) > len(sample) // 3:
        return _try(raw, "utf-16-le")
    if len(sample) > 1 and sample[0::2].count(0) > len(sample) // 3:
        return _try(raw, "utf-16-be")
    text = _try(raw, "utf-8-sig")
    if text is None:
        text = _try(raw, "cp1252")
        if text is not None and _is_of_another_encoding(text):
            return None
    return text


def _is_of_another_encoding(text: str) -> bool:
    """Whether this can't have been written in Windows' western encoding, as which any bytes can be read."""
    if any(c > "~" and not c.isalpha() and c not in _USUAL_SIGNS for c in text) or _ODD_SIGN.search(_CUBIC.sub("", text)):
        return True
    # Cyrillic and Greek words read as accented letters only: "Èâàí".
    return any(_accented(word) >= 3 and 3 * _accented(word) > 2 * len(word) for word in set(_WORD.findall(text)))


def _accented(word: str) -> int:
    return sum(letter > "~" for letter in word)


def _try(raw: bytes, encoding: str) -> str | None:
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError:
        return None


def parse(text: str, name: str, columns: Iterable[str]) -> Sheet:
    """The sheet in a text; commas, semicolons, tabs or bars between the cells."""
    wanted = list(columns)
    first_line = 1
    if text.lower().startswith("sep="):  # Excel's way of saying which sign separates the cells
        text, first_line = text.partition("\n")[2], 2
    if not text.strip():
        raise BadFile(f"{name} is empty. Its first line must be a heading with {', '.join(wanted)}.")
    delimiter = _delimiter(text, wanted)
    problems: list[Problem] = []
    lines = _lines(text, delimiter, first_line, problems)
    heading = next((cells for _, cells in lines), [])
    refuse(name, problems)
    _check_heading(heading, wanted, name)
    rows = list(_rows(lines, heading, problems))
    if not rows and not problems:
        raise BadFile(f"{name} has a heading but no rows, so there is nothing to import.")
    return Sheet(name, tuple(heading), tuple(rows), tuple(problems))


def _delimiter(text: str, wanted: list[str]) -> str:
    heading = text.strip("\r\n").splitlines()[0][: csv.field_size_limit()]
    names = set(map(fold, wanted))

    def found(delimiter: str) -> int:
        cells = next(csv.reader([heading], delimiter=delimiter), [])
        return len(names & set(map(fold, cells)))

    return max(_DELIMITERS, key=lambda delimiter: (found(delimiter), heading.count(delimiter)))


def _lines(text: str, delimiter: str, first_line: int, problems: list[Problem]) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    starts_at = first_line
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            reason = "the quotes around a cell don't match, or it is too long; what comes after it was not looked at"
            problems.append(Problem(starts_at, reason))
            return
        cells = [cell.strip() for cell in cells]
        if any(cells):
            yield starts_at, cells
        starts_at = first_line + reader.line_num


def _check_heading(heading: list[str], wanted: list[str], name: str) -> None:
    there = [fold(cell) for cell in heading]
    missing = [column for column in wanted if fold(column) not in there]
    if missing:
        found = ", ".join(cell for cell in heading if cell) or "nothing"
        raise BadFile(f"{name} has no column {' and none '.join(missing)}. Its first line has: {shorten(found, 300)}.")
    twice = [column for column in wanted if there.count(fold(column)) > 1]
    if twice:
        raise BadFile(f"{name} has the column {twice[0]} more than once. Please leave one of them out.")


def _rows(lines: Iterator[tuple[int, list[str]]], heading: list[str], problems: list[Problem]) -> Iterator[Row]:
    names = [fold(cell) for cell in heading]
    for line, cells in lines:
        if any(cells[len(names) :]):
            problems.append(Problem(line, f"has {len(cells)} cells where the heading has {len(names)}; put quotes around commas"))
        else:
            yield Row(line, dict(zip(names, cells, strict=False)))


def read_rows(sheet: Sheet, read_row: Callable[[Row], Read]) -> list[Read]:
    """What ``read_row`` makes of each row; ``BadFile`` names every row for which it raised ``BadRow``, and those that are none."""
    results, problems = [], list(sheet.problems)
    for row in sheet.rows:
        try:
            results.append(read_row(row))
        except BadRow as error:
            problems.append(Problem(row.line, str(error)))
    refuse(sheet.name, problems)
    return results


def refuse(name: str, problems: Iterable[Problem], *, thing: str = "row", place: str = "line") -> None:
    """Raise ``BadFile`` with the first twenty problems in the order of the file, if there are any."""
    found = sorted(problems, key=lambda problem: problem.number)
    if not found:
        return
    count = f"1 {thing} that" if len(found) == 1 else f"{len(found)} {thing}s that"
    lines = [f"  {name}, {place} {problem.number}: {problem.reason}" for problem in found[:_MOST_NAMED]]
    if len(found) > _MOST_NAMED:
        lines.append(f"  and {len(found) - _MOST_NAMED} more")
    raise BadFile("\n".join([f"{name} has {count} can't be read, so nothing of it was imported:", *lines]))


def shorten(text: str, longest: int = 60) -> str:
    """``text`` on one line and not longer than that, for a message about it."""
    line = " ".join(text.split())
    return line if len(line) <= longest else line[: longest - 1] + "…"
