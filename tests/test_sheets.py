"""Sheets: CSV is read in whatever encoding and with whatever separator it comes, and every bad row is named."""

from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from intouch import sheets
from intouch.sheets import BadFile, BadRow, Row

COLUMNS = ["name", "ward_code"]
TEXT = "name,ward_code\nZoë O’Neill,E05016391\n"


def cells(sheet: sheets.Sheet) -> list[tuple[str, str]]:
    return [(row["name"], row["ward_code"]) for row in sheet.rows]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le", "utf-16-be"])
def test_the_encodings_that_office_programs_write_are_recognised(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes(TEXT.encode(encoding))
    assert cells(sheets.read(path, COLUMNS)) == [("Zoë O’Neill", "E05016391")]


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        ("name,ward_code\nJosé,E1\n".encode("cp850"), "an encoding that In Touch can't tell for certain"),
        (b"name,ward_code\n\x81\x8d,E1\n", "an encoding that In Touch can't tell for certain"),
        (b"PK\x03\x04 and so on", "an Excel or OpenDocument workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "an old Excel workbook"),
        (b"%PDF-1.7", "is a PDF"),
        (b"name,ward_code\nA\x00B,E1\n", "control characters"),
        (b"\xff\xfe\x00", "an encoding that In Touch can't tell for certain"),
        (b"", "people.csv is empty. Its first line must be a heading with name, ward_code"),
        (b"\xef\xbb\xbf \r\n", "people.csv is empty"),
        (b"name,ward_code\n\n,\n", "has a heading but no rows"),
        (b"Full name,Ward\nA,E1\n", "people.csv has no column name and none ward_code. Its first line has: Full name, Ward"),
        (b"name;ward\nA;E1\n", "has no column ward_code. Its first line has: name, ward"),
        (b"name,name,ward_code\nA,B,E1\n", "has the column name more than once"),
        (b'name,ward_code\n"A,E1\nB,E2\n', "people.csv, line 2: the quotes around a cell don't match"),
        (b"name,ward_code\nA,E1\nB, the second,E2\n", "people.csv, line 3: has 3 cells where the heading has 2"),
    ],
)
def test_a_file_that_cannot_be_read_is_said_to_be_what_it_is(tmp_path: Path, raw: bytes, sentence: str) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes(raw)
    with pytest.raises(BadFile) as raised:
        sheets.read_rows(sheets.read(path, COLUMNS), lambda row: row)
    assert sentence in str(raised.value)


def people(names: list[str], encoding: str) -> bytes:
    return ("name,ward_code\n" + "".join(f"{name},E05016391\n" for name in names)).encode(encoding)


def is_utf8(raw: bytes) -> bool:
    """Whether these bytes, some beyond ASCII, could be UTF-8 as well."""
    return not raw.isascii() and raw.decode("utf-8", "replace").encode() == raw


GENUINE = [
    "Zoë", "Žaneta", "José Muñoz", "Þór Æðey", "Ærø", "Åse Ødegård", "Ó Briain à Õ", "Sœur Noël", "François-Xavier Ÿ", "IKEA® 20°C",
    "½hr", "£5 a m³, 3 ft³ or £1m", "¿Qué? ¡Sí!", "Col·lecció", "5ª e 3º", "Straße", "Jürgen Größe", "€uro «x»",
]  # fmt: skip


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16"])
def test_names_from_everywhere_come_through(encoding: str) -> None:
    assert sheets.decode(people(GENUINE, encoding), "people.csv") == people(GENUINE, "utf-8").decode()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_names_that_windows_own_encoding_has_not_come_through_in_others(encoding: str) -> None:
    names = ["Ðorđe", "Иван Петров", "Łukasz Żółć", "Γιάννης", "محمد", "ÄÖÜ"]
    assert sheets.decode(people(names, encoding), "people.csv") == people(names, "utf-8").decode()


@given(st.lists(st.text("aeiouknstrl", min_size=1, max_size=8), min_size=2, max_size=2), st.text("éèêëñöüçåøæðþßšžœÿ", max_size=2))
def test_a_word_with_two_letters_beyond_ascii_comes_through(parts: list[str], letters: str) -> None:
    assume(not is_utf8(letters.encode("cp1252")))  # “ßœ” is the same two bytes as one letter of N'Ko: no file can tell
    names = [letters.join(parts), (letters[:1] + parts[0]).title()]
    assert sheets.decode(people(names, "cp1252"), "people.csv") == people(names, "utf-8").decode()


@given(st.text("абвгдежзийклмнопрстуфхцчшщъыьэюяАБВГДЕЖЗИКЛМНОПРСТУФХЦЧШЩЭЮЯ", min_size=3, max_size=12))
def test_cyrillic_in_windows_encoding_is_not_read_as_something_else(name: str) -> None:
    with pytest.raises(BadFile, match="can't tell for certain"):
        sheets.decode(people(["Alice", name], "cp1251"), "people.csv")


@given(st.text("aeiouknstrl", max_size=6), st.sampled_from("ŁłĄąŻżĽľŞş"), st.text("aeiouknstrlóáéšž", min_size=1, max_size=6))
def test_polish_and_its_neighbours_in_windows_encoding_are_not_read_as_something_else(before: str, letter: str, after: str) -> None:
    for name in (before + letter + after, (after + letter).title(), (letter + after).upper()):
        with pytest.raises(BadFile, match="can't tell for certain"):
            sheets.decode(people(["José", name], "cp1250"), "people.csv")  # whose é is no UTF-8, as some pairs of letters are


@pytest.mark.parametrize(
    ("name", "encoding"), [("Иван", "cp1251"), ("Łukasz Kowal", "cp1250"), ("Γιάννης", "cp1253"), ("MICHAŁ", "cp1250")]
)
def test_an_encoding_that_is_not_windows_own_is_refused(name: str, encoding: str) -> None:
    with pytest.raises(BadFile, match="Please save it as"):
        sheets.decode(people([name], encoding), "people.csv")


def test_a_file_that_is_not_there_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match=r"people\.csv can't be read: No such file"):
        sheets.read(tmp_path / "people.csv", COLUMNS)
    with pytest.raises(BadFile, match="can't be read: Is a directory"):
        sheets.read(tmp_path, COLUMNS)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_any_usual_separator_will_do(delimiter: str) -> None:
    text = f'more{delimiter}Ward code{delimiter} NAME \r\nx{delimiter}E1{delimiter}"Carr, Carl; junior"\r\n'
    assert cells(sheets.parse(text, "f", COLUMNS)) == [("Carr, Carl; junior", "E1")]


def test_excels_own_first_line_is_not_the_heading() -> None:
    sheet = sheets.parse("sep=;\nname;ward_code\nA;E1\n", "f", COLUMNS)
    assert sheet.rows[0].line == 3


def test_a_row_is_named_by_the_line_on_which_it_starts() -> None:
    sheet = sheets.parse('name,ward_code\n\n"two\nlines",E1\nlast,E2', "f", COLUMNS)
    assert [(row.line, row["name"]) for row in sheet.rows] == [(3, "two\nlines"), (5, "last")]


def test_short_rows_have_empty_cells() -> None:
    [row] = sheets.parse("name,ward_code,url\nA,E1\n", "f", COLUMNS).rows
    assert row["url"] == ""
    with pytest.raises(BadRow, match="url is empty"):
        row.required("url")


def test_every_bad_row_is_named_up_to_twenty() -> None:
    sheet = sheets.parse("name,ward_code\n" + "".join(f"n{number},E{number}\n" for number in range(30)), "f.csv", COLUMNS)

    def read_row(row: Row) -> str:
        raise BadRow(f"{row['name']} is bad")

    with pytest.raises(BadFile) as raised:
        sheets.read_rows(sheet, read_row)
    lines = str(raised.value).splitlines()
    assert lines[0] == "f.csv has 30 rows that can't be read, so nothing of it was imported:"
    assert lines[1] == "  f.csv, line 2: n0 is bad"
    assert len(lines) == 22 and lines[-1] == "  and 10 more"


def test_rows_that_are_none_hide_no_other_bad_row() -> None:
    text = 'name,ward_code\nA, the first,E1\n ,E2\nB,E3\nC, the third,E4\nD,\n"E,E6\n'
    with pytest.raises(BadFile) as raised:
        sheets.read_rows(sheets.parse(text, "f.csv", COLUMNS), lambda row: (row.required("name"), row.required("ward_code")))
    assert str(raised.value).splitlines() == [
        "f.csv has 5 rows that can't be read, so nothing of it was imported:",
        "  f.csv, line 2: has 3 cells where the heading has 2; put quotes around commas",
        "  f.csv, line 3: name is empty",
        "  f.csv, line 5: has 3 cells where the heading has 2; put quotes around commas",
        "  f.csv, line 6: ward_code is empty",
        "  f.csv, line 7: the quotes around a cell don't match, or it is too long; what comes after it was not looked at",
    ]


@pytest.mark.parametrize(("name", "reason"), [("\u200b\u2060", "name is empty"), ("A" * 101, "name has 101 characters; at most 100 fit")])
def test_a_name_has_something_to_read_and_fits(name: str, reason: str) -> None:
    with pytest.raises(BadFile, match=reason):
        sheets.read_rows(sheets.parse(f"name,ward_code\n{name},E1\n", "f.csv", COLUMNS), lambda row: row.name("name"))


@given(st.lists(st.tuples(*[st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1)] * 2), min_size=1))
def test_whatever_is_written_is_read_back(rows: list[tuple[str, str]]) -> None:
    kept = [(a.strip(), b.strip()) for a, b in rows]
    text = "name,ward_code\n" + "".join(",".join('"' + cell.replace('"', '""') + '"' for cell in row) + "\n" for row in rows)
    expected = [row for row in kept if any(row)]
    if expected:
        assert cells(sheets.parse(sheets.decode(text.encode(), "f"), "f", COLUMNS)) == expected


@given(st.binary(max_size=400))
def test_any_bytes_are_a_sheet_or_a_clear_sentence(raw: bytes) -> None:
    try:
        sheets.parse(sheets.decode(raw, "f.csv"), "f.csv", COLUMNS)
    except BadFile as error:
        assert "f.csv" in str(error)  # noqa: PT017 - either outcome is right


def test_a_heading_without_end_is_named_and_no_bug() -> None:
    with pytest.raises(BadFile, match="line 1"):
        sheets.parse("A" * 200_000 + "\nb\n", "people.csv", COLUMNS)


@pytest.mark.parametrize("text", ["sep=;\n", "sep=;\n\n \n"])
def test_only_the_sign_between_cells_is_empty(text: str) -> None:
    with pytest.raises(BadFile, match="is empty"):
        sheets.parse(text, "people.csv", COLUMNS)


@pytest.mark.parametrize("unseen", ["\x1b[2J", "\x9b31m", "\x7f", "\u202e"])
def test_what_would_rule_a_terminal_is_refused(unseen: str) -> None:
    with pytest.raises(BadFile, match="control characters"):
        sheets.decode(f"name,ward_code\nA{unseen},E1\n".encode(), "people.csv", wanted="CSV")
