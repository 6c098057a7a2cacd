"""Disclosure: nobody who knows everything that is shown can work out what a few people said."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intouch.surveys.counts import Counts, Place, QuestionCounts, ShownCounts, ShownQuestion
from intouch.surveys.disclosure import protect
from intouch.surveys.suppression import is_small
from tests.surveys.attacker import Attacker

SMALLEST = 5
Town = tuple[Place, dict[str, Counts], list[bool]]


def _add(counts: list[Counts]) -> Counts:
    questions = tuple(
        QuestionCounts(
            sum(one.said for one in same),
            tuple(map(sum, zip(*(one.choices for one in same), strict=True))),
            sum(one.dont_know for one in same),
            sum(one.skipped for one in same),
        )
        for same in zip(*(one.questions for one in counts), strict=True)
    )
    return Counts(sum(one.asked for one in counts), sum(one.answered for one in counts), questions)


def town(areas: list[list[Counts]], overlapping: list[bool]) -> Town:
    """A city of areas of wards, with the counts of all of them."""
    counts: dict[str, Counts] = {}
    places = []
    for number, wards in enumerate(areas):
        keys = [f"ward {number}.{at}" for at in range(len(wards))]
        counts |= dict(zip(keys, wards, strict=True)) | {f"area {number}": _add(wards)}
        places.append(Place(f"area {number}", tuple(Place(key) for key in keys)))
    counts["city"] = _add([counts[place.key] for place in places])
    return Place("city", tuple(places)), counts, overlapping


def single(*choices: int, dont_know: int = 0, skipped: int = 0, asked: int = 100) -> Counts:
    question = QuestionCounts(sum(choices), choices, dont_know, skipped)
    return Counts(asked, question.said + dont_know + skipped, (question,))


@st.composite
def towns(draw: st.DrawFn) -> Town:
    number = st.one_of(st.integers(0, 6), st.integers(0, 40))
    kinds = draw(st.lists(st.tuples(st.booleans(), st.integers(0, 4)), min_size=1, max_size=2))

    def question(is_overlapping: bool, width: int) -> QuestionCounts:
        choices = tuple(draw(number) for _ in range(width))
        said = sum(choices)
        if is_overlapping and width:
            said = draw(st.integers(max(choices), sum(choices)))
        return QuestionCounts(said if width else draw(number), choices, draw(number), draw(number))

    def ward() -> Counts:
        questions = tuple(question(*kind) for kind in kinds)
        least = max(one.said + one.dont_know + one.skipped for one in questions)
        answered = least if len(questions) == 1 else least + draw(st.integers(0, 6))
        return Counts(answered + draw(number), answered, questions)

    areas = [[ward() for _ in range(draw(st.integers(1, 4)))] for _ in range(draw(st.integers(1, 3)))]
    return town(areas, [is_overlapping and width > 0 for is_overlapping, width in kinds])


@st.composite
def full_towns(draw: st.DrawFn) -> Town:
    """Nearly everybody who was asked took part, and nearly everybody who did had an opinion: there is little room to hide in."""
    number = draw(st.integers(1, 2))

    def question(answered: int) -> QuestionCounts:
        said = max(0, answered - draw(st.sampled_from([0, 0, 0, 1, 2, 3, 5])))
        dont_know = draw(st.integers(0, answered - said))
        skipped = answered - said - dont_know if number == 1 else draw(st.integers(0, answered - said - dont_know))
        return QuestionCounts(said, (said,), dont_know, skipped)

    def ward() -> Counts:
        answered = draw(st.one_of(st.integers(0, 9), st.integers(5, 15)))
        return Counts(answered + draw(st.sampled_from([0, 0, 0, 1, 2, 6])), answered, tuple(question(answered) for _ in range(number)))

    areas = [[ward() for _ in range(draw(st.integers(1, 4)))] for _ in range(draw(st.integers(1, 3)))]
    return town(areas, [False] * number)


def _weak_spots(made: Town, shown: dict[str, ShownCounts]) -> list[str]:
    """What few people said and an attacker learns: a bound below ``SMALLEST`` apart, or a number that is shown."""
    city, counts, overlapping = made
    attacker = Attacker(city, counts, shown, overlapping)
    found: list[str] = []

    def check(key: str, value: int, *name: object, without: tuple[object, ...] = (), apart: int = SMALLEST) -> None:
        if is_small(value, SMALLEST) and attacker.spread(key, *name, without=without) < apart - 1e-6:
            found.append(f"{key} {name} {without} = {value}")

    for key, true in counts.items():
        check(key, true.answered, "answered")
        if len(true.questions) == 1 and shown[key].questions[0].said is not None:
            said = true.questions[0].said
            check(key, true.answered - said, "answered", without=(0, "said"), apart=min(SMALLEST, true.asked - said))
        for number, question in enumerate(true.questions):
            check(key, question.said, number, "said")
            # How many of those asked did not answer is no secret, so a few who did not know may be bounded by that.
            check(key, question.dont_know, number, "dont_know", apart=1)
            check(key, question.skipped, number, "skipped", apart=1)
            for at, value in enumerate(question.choices):
                check(key, value, number, at)
                if overlapping[number]:
                    check(key, question.said - value, number, "said", without=(number, at))
    return found


@settings(max_examples=40)
@given(st.one_of(towns(), full_towns()))
def test_an_attacker_with_a_linear_programme_learns_no_small_number(made: Town) -> None:
    _attack(made)


@pytest.mark.slow
@pytest.mark.timeout(900)
@settings(max_examples=1000)
@given(st.one_of(towns(), full_towns()))
def test_an_attacker_with_a_linear_programme_and_all_night_learns_no_small_number(made: Town) -> None:
    _attack(made)


def _attack(made: Town) -> None:
    city, counts, overlapping = made
    shown = protect(city, counts, overlapping=overlapping, smallest=SMALLEST)
    assert _weak_spots(made, shown) == []
    for key, one in shown.items():
        assert one.answered in (None, counts[key].answered) and one.asked in (None, counts[key].asked)


def _naive(counts: Counts) -> ShownCounts:
    """Only the small cells themselves hidden."""
    questions = tuple(
        ShownQuestion(one.said, tuple(None if is_small(count, SMALLEST) else count for count in one.choices), 0, 0)
        for one in counts.questions
    )
    return ShownCounts(counts.asked, counts.answered, questions)


def test_the_attacker_breaks_what_hides_only_the_small_cells() -> None:
    made = town([[single(20, 3), single(30, 10)]], [False])
    assert _weak_spots(made, {key: _naive(one) for key, one in made[1].items()}) == ["ward 0.0 (0, 1) () = 3"]


def _protect(made: Town) -> dict[str, ShownCounts]:
    return protect(made[0], made[1], overlapping=made[2], smallest=SMALLEST)


def test_nothing_is_hidden_where_nothing_is_small() -> None:
    made = town([[single(20, 8, dont_know=6), single(30, 0)], [single(9, 7), single(5, 5)]], [False])
    shown = _protect(made)
    for key, true in made[1].items():
        assert shown[key].questions[0].choices == true.questions[0].choices
        assert (shown[key].asked, shown[key].answered) == (true.asked, true.answered)


def test_a_small_cell_takes_the_rest_of_its_row_and_another_ward_with_it() -> None:
    shown = _protect(town([[single(20, 3), single(30, 10), single(50, 40)]], [False]))
    assert shown["ward 0.0"].questions[0].choices == (None, None)
    assert shown["ward 0.1"].questions[0].choices == (None, None)
    assert shown["ward 0.2"].questions[0].choices == (50, 40)
    assert shown["area 0"].questions[0].choices == (100, 53)


def test_of_five_steps_only_those_that_mask_each_other_are_hidden() -> None:
    shown = _protect(town([[single(3, 9, 20, 30, 11), single(12, 14, 20, 30, 11)]], [False]))
    assert shown["ward 0.0"].questions[0].choices == (None, None, 20, 30, 11)
    assert shown["ward 0.1"].questions[0].choices == (None, None, 20, 30, 11)


def test_a_ward_where_few_answered_is_hidden_together_with_the_next_smallest() -> None:
    shown = _protect(town([[single(2, 1), single(6, 7), single(50, 40)]], [False]))
    assert [shown[f"ward 0.{at}"].answered for at in range(3)] == [None, None, 90]
    assert shown["ward 0.0"].asked is None and shown["ward 0.1"].asked is None


def test_when_fewer_than_five_answered_in_all_the_city_nothing_is_shown_but_who_was_asked() -> None:
    shown = _protect(town([[single(2, 1)], [single(1, 0)]], [False]))
    assert (shown["city"].asked, shown["city"].answered) == (200, None)
    assert all(place.questions[0].said is None for place in shown.values())


def test_a_total_that_gives_away_one_person_who_did_not_know_is_hidden() -> None:
    shown = _protect(town([[single(20, 9, dont_know=1), single(30, 10)]], [False]))
    assert shown["city"].questions[0].said == 69 and shown["city"].answered is None
    assert shown["ward 0.0"].answered is None and shown["ward 0.1"].answered is None


@pytest.mark.parametrize("answered", [5, 6])
def test_those_asked_where_everything_is_hidden_do_not_narrow_a_number_that_is(answered: int) -> None:
    """Seven were asked in the hidden wards, so of eleven opinions at least four were the third ward's, and it has four."""
    made = town([[single(3, asked=3), single(4, asked=4), single(4, skipped=answered - 4, asked=answered)]], [False])
    assert made[1]["area 0"].asked == 7 + answered
    assert _weak_spots(made, _protect(made)) == []


def test_those_asked_where_everything_is_hidden_do_not_tell_how_many_took_part_elsewhere() -> None:
    """Twelve were asked in the hidden wards and twenty answered in all, so eight did in the last ward, and two had no opinion."""
    made = town([[single(3, skipped=1, asked=4)] * 3 + [single(6, skipped=2, asked=8)]], [False])
    assert _weak_spots(made, _protect(made)) == []


def test_the_wards_of_another_area_do_not_tell_how_many_took_part_in_this_one() -> None:
    """Eighteen answered in all, five and seven in the second area's wards: six in the first area, of whom five had an opinion."""
    first = [single(0, skipped=1, asked=1), single(5, asked=5)]
    made = town([first, [single(5, asked=5), single(2, skipped=5, asked=8)]], [False])
    assert _weak_spots(made, _protect(made)) == []


def test_a_choice_that_all_but_a_few_made_is_hidden() -> None:
    nearly_all = Counts(90, 50, (QuestionCounts(50, (48, 30, 20)),))
    half = Counts(90, 50, (QuestionCounts(50, (25, 30, 20)),))
    shown = _protect(town([[nearly_all, half, half]], [True]))
    assert shown["ward 0.0"].questions[0].choices == (None, None, None)
    assert shown["area 0"].questions[0].choices == (98, 90, 60)


def test_of_free_text_only_the_number_is_shown() -> None:
    shown = _protect(town([[Counts(90, 50, (QuestionCounts(12, (), 8, 30),)), Counts(90, 50, (QuestionCounts(3, (), 17, 30),))]], [False]))
    assert shown["ward 0.1"].questions[0].said is None and shown["city"].questions[0].said == 15
