"""References survive being read out on the phone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intouch.errors import BadInput
from intouch.issues import references

codes = st.text(references.ALPHABET, min_size=references.LENGTH, max_size=references.LENGTH)


@pytest.mark.parametrize(
    "typed", ["SR-7K3M2", "sr 7k3m2", "sr7k3m2", "7K3M2", "#SR–7K3M2", " sr - 7 k 3 m 2.", "ＳＲ－７Ｋ３Ｍ２", "5R-7K3MZ"]
)
def test_a_reference_is_understood_however_it_is_typed(typed: str) -> None:
    assert references.normalise(typed) == "SR-7K3M2"


@pytest.mark.parametrize("typed", ["", "SR-", "SR-7K3M", "SR-7K3M22", "SR-7K3MO", "XX-7K3M2", "٧K3M2", "'; drop", "1" * 4096])
def test_what_is_no_reference_is_refused_with_an_example(typed: str) -> None:
    with pytest.raises(BadInput, match="SR-7K3M2"):
        references.normalise(typed)


@given(codes)
def test_every_reference_normalises_to_itself(code: str) -> None:
    assert references.normalise(f"SR-{code}") == references.normalise(code.lower()) == f"SR-{code}"


@given(st.text(max_size=40))
def test_any_text_is_a_reference_or_refused(text: str) -> None:
    try:
        found = references.normalise(text)
    except BadInput:
        return
    assert references.normalise(found) == found


def test_new_references_are_well_formed_and_differ() -> None:
    made = {references.new() for _ in range(1000)}
    assert len(made) > 990
    assert all(references.normalise(one) == one for one in made)
