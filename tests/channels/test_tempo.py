"""How many connections a complaining server is asked for, and what counts as a complaint."""

from __future__ import annotations

import pytest

from intouch.channels.smtp_replies import Reply, Stage
from intouch.channels.tempo import SUCCESSES_TO_RISE, Tempo, is_complaint


def test_complaints_halve_the_connections_and_then_slow_the_last_one() -> None:
    tempo = Tempo(8)
    seen = []
    for second in range(0, 14, 2):
        tempo.complain(float(second))
        seen.append((tempo.allowed, tempo.rest))
        tempo.praise()
    assert seen == [(4, 0.0), (2, 0.0), (1, 0.0), (1, 0.1), (1, 0.2), (1, 0.4), (1, 0.8)]


def test_what_many_connections_hear_at_once_is_one_complaint() -> None:
    tempo = Tempo(8)
    assert tempo.complain(10.0)
    assert not tempo.complain(10.5)
    assert tempo.allowed == 4


def test_behind_a_complaint_nothing_is_begun_for_a_moment_that_doubles_until_a_message_is_taken() -> None:
    tempo, now, moments = Tempo(8), 10.0, []
    for _ in range(4):
        tempo.complain(now)
        tempo.complain(now + 0.01)  # that was under way
        moments.append(round(tempo.wait(now), 3))
        now += moments[-1]
        assert tempo.wait(now) <= 1e-9
    assert moments == [0.1, 0.2, 0.4, 0.8]
    tempo.praise()
    tempo.complain(now)
    assert round(tempo.wait(now), 3) == 0.1


def test_a_server_that_takes_so_many_a_minute_gets_nearly_as_many() -> None:
    """As Postfix does with its limit of messages: 300 in each minute, and then none."""
    tempo, now, taken, refused = Tempo(4), 0.0, [0] * 10, 0
    while now < 600:
        if taken[int(now // 60)] < 300:
            taken[int(now // 60)] += 1
            tempo.praise()
        else:
            refused += 1
            tempo.complain(now)
        now += max(0.01, tempo.wait(now))
    assert taken == [300] * 10
    assert refused < 150


def test_what_a_silence_hears_at_one_connection_is_told_once() -> None:
    tempo = Tempo(1)
    assert [tempo.complain(float(second)) for second in range(0, 8, 2)] == [True, False, False, False]
    tempo.praise()
    assert tempo.complain(10.0)


def test_successes_bring_everything_back() -> None:
    tempo = Tempo(2)
    for second in (0.0, 2.0):
        tempo.complain(second)
        tempo.praise()
    assert not tempo.is_full
    for _ in range(5 + 5 + SUCCESSES_TO_RISE * 2):
        tempo.praise()
    assert tempo.is_full
    assert tempo.allowed == 2


@pytest.mark.parametrize(
    ("reply", "complains"),
    [
        (Reply(421, "closing"), True),
        (Reply(421, "4.7.0 too many"), True),
        (Reply(451, "4.3.0 later"), True),
        (Reply(452, "4.3.1 disk"), True),
        (Reply(450, "4.2.0 greylisted"), False),
        (Reply(450, "4.7.1 greylisted"), False),
        (Reply(451, "4.7.1 Greylisting in action, please come back in 00:05:00"), False),
        (Reply(451, "4.7.1 Greylisted, please try again later"), False),
        (Reply(451, "graylisted - please wait"), False),
        (Reply(451, "4.7.1 Greylisted: too many recipients at once"), True),
        (Reply(421, "4.7.0 Greylisted"), True),
        (Reply(450, "later"), False),
        (Reply(450, "4.7.1 Error: too many recipients from 192.0.2.10"), True),
        (Reply(450, "4.2.1 The user is receiving mail at a rate that is too high"), False),
        (Reply(451, "4.7.500 Server busy"), True),
        (Reply(452, "4.2.2 mailbox full"), False),
        (Reply(550, "5.1.1 no such user"), False),
        (Reply(250, "ok"), False),
    ],
)
def test_only_what_speaks_of_our_pace_is_a_complaint(reply: Reply, complains: bool) -> None:
    assert is_complaint(reply) is complains


def test_before_a_recipient_is_named_every_4xx_is_about_us() -> None:
    too_much = Reply(450, "4.7.1 Error: too much mail from 192.0.2.10")  # Postfix's limit of messages a minute
    assert is_complaint(too_much, Stage.MAIL)
    assert is_complaint(Reply(450, "later"), Stage.MAIL)
    assert not is_complaint(Reply(550, "5.1.8 no"), Stage.MAIL)
