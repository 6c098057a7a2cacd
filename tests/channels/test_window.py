"""However late calls arrive and are answered, no second at the other side ever holds more of them than the limit."""

from __future__ import annotations

import itertools

from hypothesis import example, given, settings
from hypothesis import strategies as st

from intouch.channels.pacing import Pacer
from intouch.channels.window import RECENT, Call, Window

# Until somebody asks for a place, from there to the call, on the way there, and on the way back, in seconds.
calls = st.lists(
    st.tuples(st.floats(0, 0.3), st.sampled_from([0.0, 0.0, 0.2, 1.5]), st.floats(0.01, 0.3), st.floats(0.01, 0.3)),
    min_size=5,
    max_size=80,
)
# From the end of one standstill of the other side to the beginning of the next, and how long it lasts.
stalls = st.lists(st.tuples(st.floats(0, 3), st.floats(0, 30)), max_size=4)
UNHURRIED = [(0.05, 0.0, 0.05, 0.05)] * 40


class OtherSide:
    """Answers after a while, and takes nothing while it stands still."""

    def __init__(self, stalls: list[tuple[float, float]]) -> None:
        self.arrived: list[float] = []
        self._stalls: list[tuple[float, float]] = []
        at = 0.1
        for gap, length in stalls:
            self._stalls.append((at + gap, at + gap + length))
            at += gap + length

    def take(self, at: float) -> float:
        self.arrived.append(next((end for begin, end in self._stalls if begin <= at < end), at))
        return self.arrived[-1]

    def most_in_a_second(self) -> int:
        moments = sorted(self.arrived)
        return max(sum(1 for other in moments if at <= other < at + 1) for at in moments)


class Line:
    """Makes calls through a window, one after another, in a time of its own."""

    def __init__(self, window: Window, other_side: OtherSide) -> None:
        self.now = 0.0
        self._window = window
        self._other_side = other_side
        self._numbers = itertools.count()
        self._to_come: list[tuple[float, int, Call, tuple[float, float]]] = []

    def call(self, pause: float, preparing: float, there: float, back: float) -> None:
        self._go_to(self.now + pause)
        while (early := self._window.wait(self.now)) > 0:
            self._go_to(self.now + early)
        place = self._window.take(self.now)
        self._plan(self.now + preparing, place, (there, back))

    def _plan(self, at: float, place: Call, way: tuple[float, float]) -> None:
        self._to_come.append((at, next(self._numbers), place, way))

    def _go_to(self, then: float) -> None:
        while due := [one for one in self._to_come if one[0] <= then]:
            first = min(due)
            self._to_come.remove(first)
            at, _, place, (there, back) = first
            if place.is_made:
                self._window.answered(place, at)
            else:
                self._window.begin(place, at)
                self._plan(self._other_side.take(at + there) + back, place, (there, back))
        self.now = then


@settings(max_examples=200)
@given(calls=calls, stalls=stalls, per_second=st.integers(1, 12))
@example(calls=UNHURRIED, stalls=[(0.5, 5.0), (0.1, 25.0)], per_second=12)
def test_no_second_at_the_other_side_holds_more_than_the_limit(
    calls: list[tuple[float, float, float, float]], stalls: list[tuple[float, float]], per_second: int
) -> None:
    other_side = OtherSide(stalls)
    line = Line(Window(per_second), other_side)
    # The first call is the fastest that there will be: what is known of the way is known from then on.
    for one in [(0.0, 0.0, 0.01, 0.01), *calls]:
        line.call(*one)
    assert other_side.most_in_a_second() <= per_second


def made(window: Window, now: float) -> Call:
    """A call that is made at once."""
    assert window.wait(now) == 0
    call = window.take(now)
    window.begin(call, now)
    return call


def test_a_pace_that_is_even_never_waits() -> None:
    window = Window(30)
    for number in range(300):
        now = number / 29.5
        window.answered(made(window, now), now + 0.005)


def test_a_way_that_is_always_long_costs_no_pace_even_if_it_was_shorter_once() -> None:
    window, line = Window(30), []
    window.answered(made(window, 0.0), 0.01)
    now = began = 1.0
    for number in range(2 * RECENT + 300):
        now = max(now, began + number / 29.5)
        while (early := window.wait(now)) > 0:
            now += early
            while line and line[0][0] <= now:
                window.answered(line[0][1], line.pop(0)[0])
        line.append((now + 2.0, made(window, now)))
        while line[0][0] <= now:
            window.answered(line[0][1], line.pop(0)[0])
        if number == 2 * RECENT + 150:
            late = now
    assert now - late < 150 / 29.5


def test_a_call_that_is_never_answered_holds_up_one_place_and_nobody_else() -> None:
    window = Window(2)
    window.answered(made(window, 0.0), 0.1)
    made(window, 2.0)  # and nothing is heard of it
    for now in (2.1, 3.2, 4.3, 5.4):
        window.answered(made(window, now), now + 0.1)
        assert 0.9 <= window.wait(now + 0.1) < 1


def test_a_place_that_was_not_used_is_free_again() -> None:
    window = Window(1)
    window.leave(window.take(0.0), 0.1)
    call = made(window, 0.2)
    window.leave(call, 3.0)  # nobody heard how it ended
    assert 4 <= 3.0 + window.wait(3.0) < 4.1


def test_after_a_silence_calls_are_made_no_faster_than_the_limit() -> None:
    window = Window(30)
    for _ in range(30):
        window.answered(made(window, 10.0), 10.01)
    assert 1 <= window.wait(10.01) < 1.1


def test_a_late_answer_keeps_its_place_for_longer() -> None:
    window = Window(1)
    window.answered(made(window, 0.0), 0.1)
    window.answered(made(window, 2.0), 2.4)
    assert 3.3 <= 2.5 + window.wait(2.5) < 3.4


def test_a_reply_waits_for_bulk_and_never_for_other_replies() -> None:
    window = Window(10)
    for _ in range(50):
        assert window.wait_as_reply(0.0) == 0
        window.take_as_reply(0.0)
    assert window.wait(0.5) > 0.5
    window = Window(10)
    for _ in range(10):
        made(window, 0.0)
    assert window.wait_as_reply(0.5) > 0.5


def test_bulk_leaves_the_next_places_to_replies_that_wait() -> None:
    window = Window(2)
    for now in (0.0, 0.5):
        window.answered(made(window, now), now)
    assert 1.0 <= 0.6 + window.wait(0.6) < 1.1
    assert 1.5 <= 0.6 + window.wait(0.6, ahead=1) < 1.6


def test_a_share_is_a_limit_of_its_own_however_small() -> None:
    window = Window(30)
    window.limit(0.5)
    window.answered(made(window, 0.0), 0.1)
    assert 2 <= 0.1 + window.wait(0.1) < 2.2


def test_processes_that_divide_a_limit_keep_it_together_in_every_second() -> None:
    for processes in range(1, 31):
        pacer = Pacer(per_second=30)
        taken = 0
        for place in range(processes):
            window = Window(30)
            window.limit(30 * pacer.part_of(place, processes))
            while window.wait(0.0) == 0:
                window.answered(made(window, 0.0), 0.0)
                taken += 1
            assert window.wait(0.0) >= 1
        assert taken == 30
