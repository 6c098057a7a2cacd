"""Categories come from a file that a council edits, so its mistakes are named."""

from pathlib import Path

import pytest

from intouch.issues import categories
from intouch.issues.categories import BadCategories

GOOD = '[[categories]]\nkey = "litter"\nname = "Litter"\nemoji = "🚮"\n'


def test_the_file_that_comes_with_in_touch_holds_what_residents_report_most() -> None:
    keys = [category.key for category in categories.load(None).all]
    assert keys == ["litter", "graffiti", "fly-tipping", "dog-fouling", "street-light", "pothole", "other"]


def test_a_councils_own_file_is_read_with_team_and_advice(tmp_path: Path) -> None:
    file = tmp_path / "ours.toml"
    file.write_bytes(b"\xef\xbb\xbf" + (GOOD + 'team = "Street team"\nadvice = "Call 999."\n').encode())
    assert categories.load(file).all == (categories.Category("litter", "Litter", "🚮", "Street team", "Call 999."),)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("[[categories", "not valid TOML"),
        ("", "`categories` is missing"),
        ("categories = []", "`categories` is missing"),
        ('categories = ["litter"]', "[[categories]]"),
        ("surprise = 1\n" + GOOD, "`surprise`"),
        ('[[categories]]\nname = "Litter"', "category 1: `key` is missing"),
        ('[[categories]]\nkey = "litter"', "category 1: `name` is missing"),
        ('[[categories]]\nkey = "litter"\nname = "  "', "`name` is missing"),
        ('[[categories]]\nkey = "litter"\nname = 5', "`name` must be text"),
        ('[[categories]]\nkey = "Dog fouling"\nname = "Dog"', "`key` 'Dog fouling'"),
        ('[[categories]]\nkey = "a:b"\nname = "Dog"', "`key` 'a:b'"),
        (f'[[categories]]\nkey = "{"x" * 25}"\nname = "Dog"', "at most 24"),
        (f'[[categories]]\nkey = "dog"\nname = "{"x" * 41}"', "`name` has 41 characters"),
        (GOOD + '[[categories]]\nkey = "dog"\nname = "Dog"\nnmae = "x"', "category 2: `nmae`"),
        (GOOD + GOOD, "category 2: `key` 'litter' is used twice"),
        (
            '[[categories]]\nkey = "k"\nname = "n"\n' + "".join(f'[[categories]]\nkey = "k{n}"\nname = "n"\n' for n in range(40)),
            "40 is the most",
        ),
    ],
)
def test_a_mistake_in_the_file_is_named_by_its_key(text: str, names: str) -> None:
    with pytest.raises(BadCategories) as error:
        categories.read(text, filename="ours.toml")
    assert "ours.toml" in str(error.value)
    assert names in str(error.value)


def test_a_file_that_is_missing_or_in_another_encoding_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadCategories, match="INTOUCH_CATEGORIES_FILE"):
        categories.load(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(GOOD.encode().replace("🚮".encode(), b"\xe9"))
    with pytest.raises(BadCategories, match="UTF-8"):
        categories.load(tmp_path / "latin.toml")
    with pytest.raises(BadCategories, match="can't be read"):
        categories.load(tmp_path)


@pytest.mark.parametrize("typed", ["Dog fouling", " dog FOULING ", "dog-fouling", "🐕 Dog fouling"])
def test_a_category_is_found_by_its_name_however_it_is_typed(typed: str) -> None:
    found = categories.load(None).named(typed)
    assert found is not None and found.key == "dog-fouling"


@pytest.mark.parametrize("typed", ["", "🐕", "dog", "???"])
def test_words_that_name_no_category_find_none(typed: str) -> None:
    assert categories.load(None).named(typed) is None


def test_a_category_taken_out_of_the_file_still_has_a_name_to_show() -> None:
    assert categories.load(None).name("abandoned-car") == "Abandoned car"
