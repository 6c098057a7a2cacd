"""Where benchmarks write their figures, and what they make of them."""

import pytest

from benchmarks import digest, distance, page, rounds
from benchmarks.__main__ import PARTS
from benchmarks.limited_api import least

TEXT = "before\n<!-- digest: begin -->\nold\n<!-- digest: end -->\nafter\n"


def test_only_what_stands_between_the_marks_is_replaced() -> None:
    assert page.between(TEXT, "digest", "new") == TEXT.replace("old", "new")


def test_a_page_without_the_marks_is_left_alone() -> None:
    with pytest.raises(SystemExit, match="no marks for memory"):
        page.between(TEXT, "memory", "new")


def test_the_page_has_a_place_for_every_part() -> None:
    names = {"two_senders": "two senders", "fanout": "fan-out"}
    for part in PARTS:
        assert "\nnew\n" in page.between(page.PAGE.read_text(), names.get(part, part), "new")


def test_ratios_are_those_of_the_medians() -> None:
    rows = rounds.compare({"In Touch": [300.0, 100.0, 200.0], "aiosmtplib": [40.0, 60.0, 50.0]}, {"aiosmtplib": 3.0})
    assert rows == [("aiosmtplib", "200 (100–300)", "50 (40–60)", "4.00", "3.0", "reached")]


@pytest.mark.parametrize(("messages", "seconds"), [(1, 0), (30, 0), (31, 1), (60, 1), (10_000, 333), (10_001, 333), (10_021, 334)])
def test_the_least_time_is_what_the_limit_allows(messages: int, seconds: int) -> None:
    assert least(messages) == seconds


def test_a_goal_stands_beside_what_the_sink_can_take() -> None:
    said = digest.within_reach({"nodemailer, ready messages": [5000.0, 5400.0, 5200.0]}, 13_600.4)
    assert "at most 13,600 messages a second" in said
    assert "3 times nodemailer, ready messages is 15,600." in said


def test_the_sink_can_take_what_the_cheapest_sender_lets_it() -> None:
    sink = digest.Sink()
    sink._each = {"one": [0.001, 0.004, 0.002], "another": [0.003]}
    assert sink.most() == 500


def test_one_message_each_round_trip() -> None:
    assert distance.one_each(10) == 800
