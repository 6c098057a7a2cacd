"""Postcodes: every way of typing one is read, and nothing else is."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intouch.errors import BadInput
from intouch.places import postcodes

OUTWARDS = ["SR1", "SR10", "M1", "M60", "CR2", "DN55", "W1A", "EC1A", "SO1", "OX4", "IP1", "B33", "NE37", "DH4", "GIR"]


@pytest.mark.parametrize(
    "typed",
    [
        "SR1 1AE",
        "sr11ae",
        " sr1-1ae. ",
        "Sr 1 1 aE",
        "SR1\u00a01AE",
        "\uff33\uff32\uff11 \uff11\uff21\uff25",
        "SRI 1AE",
        "SR1 IAE",
        "srl 1ae",
        "SR1–1AE",
        "SR1 1AE 😀",
        "\u200fSR1 1AE\u200e",
        "I live at sr1 1ae, near the park",
        "SR1 1AE\nSunderland",
        "<b>SR1 1AE</b>",
    ],
)
def test_a_postcode_is_read_however_it_is_typed(typed: str) -> None:
    assert postcodes.normalise(typed) == "SR11AE"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("0X4 1AB", "OX41AB"), ("SO1 OAA", "SO10AA"), ("S01 0AA", "SO10AA"), ("1P1 1AA", "IP11AA"), ("SR1O 1AE", "SR101AE")],
)
def test_o_and_0_and_i_and_1_are_told_apart_by_where_they_stand(typed: str, meant: str) -> None:
    assert postcodes.normalise(typed) == meant


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "SR1",
        "hello",
        "Hills",
        "12345",
        "SR1 1AEE",
        "SR1 1A",
        "QR1 1AE",
        "SR1 1A4",
        "ЅR1 1AE",
        "SR1é1AE",
        "😀",
        "SR1 1AE or SR2 7PP",
        "x" * 4096,
        "\x00",
        "1" * 4096,
    ],
)
def test_what_is_no_postcode_is_said_to_be_none(typed: str) -> None:
    with pytest.raises(BadInput, match="A postcode looks like this"):
        postcodes.normalise(typed)


def test_files_are_read_without_guessing() -> None:
    assert postcodes.strict("sr1 1ae") == "SR11AE"
    assert postcodes.strict("SRI 1AE") is None
    assert postcodes.strict("SR1-1AE") is None


@given(
    outward=st.sampled_from(OUTWARDS),
    sector=st.integers(0, 9),
    unit=st.text("ABDEFGHJLNPQRSTUWXYZ", min_size=2, max_size=2),
    separator=st.sampled_from(["", " ", "  ", "-", ".", "\t", "\u2009"]),
    is_lower=st.booleans(),
)
def test_what_is_displayed_reads_back_the_same(outward: str, sector: int, unit: str, separator: str, is_lower: bool) -> None:
    typed = f"{outward}{separator}{sector}{unit}"
    postcode = postcodes.normalise(typed.lower() if is_lower else typed)
    assert postcodes.display(postcode) == f"{outward} {sector}{unit}"
    assert postcodes.normalise(postcodes.display(postcode)) == postcode
    assert postcodes.district(postcode) == outward


@given(st.text(max_size=400))
def test_any_text_is_a_postcode_or_a_clear_sentence(text: str) -> None:
    with suppress(BadInput):
        assert postcodes.strict(postcodes.normalise(text)) is not None
