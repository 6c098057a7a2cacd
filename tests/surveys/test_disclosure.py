"""Disclosure: nobody who knows everything that is shown can work out what a few people said."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from intouch.surveys.disclosure import Counts, Place, QuestionCounts, ShownCounts, protect
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
        if len(questions) == 1:
            answered = least
        else:
            answered = least + draw(st.integers(0, 6))
        return Counts(answered + draw(number), answered, questions)

    areas = [[ward() for _ in range(draw(st.integers(1, 4)))] for _ in range(draw(st.integers(1, 3)))]
    return town(areas, [is_overlapping and width > 0 for is_overlapping, width in kinds])


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


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(towns())
def test_an_attacker_with_a_linear_programme_learns_no_small_number(made: Town) -> None:
    city, counts, overlapping = made
    shown = protect(city, counts, overlapping=overlapping, smallest=SMALLEST)
    assert _weak_spots(made, shown) == []
    for key, one in shown.items():
        assert one.answered in (None, counts[key].answered) and one.asked in (None, counts[key].asked)


def test_the_attacker_is_able_to_break_what_is_shown_naively() -> None:
    made = town([[single(20, 3), single(30, 10)]], [False])
    naive = {
        key: ShownCounts(one.asked, one.answered, tuple(replace_small(question) for question in one.questions))
        for key, one in made[1].items()
    }
    assert _weak_spots(made, naive) == ["ward 0.0 (0, 1)  = 3".replace("  ", " () ")]


def replace_small(question: QuestionCounts):  # type: ignore[no-untyped-def]
    from intouch.surveys.disclosure import ShownQuestion

    return ShownQuestion(question.said, tuple(None if is_small(one, SMALLEST) else one for one in question.choices), 0, 0)
