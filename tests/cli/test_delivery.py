"""Delivery on the command line: who did not get it, again or let be, pause, resume, cancel, approve, and a test send."""

from __future__ import annotations

import asyncio
import contextlib
import io
import itertools
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import time_machine
import typer
from rich.console import Console
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.util import await_only
from typer.testing import CliRunner

from intouch import app as application
from intouch import settings as settings_module
from intouch.cli import app, sending, stopping, watching
from intouch.cli.saying import Done
from intouch.cli.watching import Look
from intouch.digest.models import Audience
from intouch.outbox import holds
from intouch.outbox.models import Delivery, Stand, State
from intouch.outbox.progress import Progress
from intouch.places.models import Ward
from intouch.runtime import Runtime
from tests.bounces.test_at_sending import worker_to
from tests.channels.scripted_smtp import ScriptedSmtp, serving
from tests.digest import writing
from tests.digest.conftest import Town, ward
from tests.outbox.outboxes import RecordingChannel, draft, queue, states, until, worker
from tests.outbox.test_worker import running

SATURDAY = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def in_database(work: Callable[[Runtime], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        runtime = application.build_runtime(settings_module.load())
        try:
            return await work(runtime)
        finally:
            await runtime.sessions.close()

    return asyncio.run(run())


def run(*words: str) -> tuple[int, str]:
    with time_machine.travel(SATURDAY, tick=True):
        result = CliRunner().invoke(app, list(words))
    return result.exit_code, " ".join(result.output.split())


@pytest.fixture
def town(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two wards, three subscribers, and this week's digests in the outbox."""
    for name, value in (("DATABASE_URL", sqlite_url), ("DATA_DIR", str(tmp_path)), ("SECRET_KEY", "a-key"), ("LOG_LEVEL", "error")):
        monkeypatch.setenv(f"INTOUCH_{name}", value)

    async def fill(runtime: Runtime) -> None:
        made = Town(runtime)
        southwick, fulwell = ward("E05016391", "Southwick", None), ward("E05016377", "Fulwell", None)
        await made.add(southwick, fulwell)
        made.southwick = southwick.id
        await made.subscriber()
        await made.subscriber()
        await made.subscriber(fulwell.id)
        await writing.notice(runtime, "Road closed", on=date(2026, 11, 24), ward_id=None, created_at=SATURDAY - timedelta(days=2))

    in_database(fill)
    assert run("digest", "publish") == (0, "2026-W47: 3 emails and messages put into the outbox.")


def settle(address: str, state: State) -> None:
    async def work(runtime: Runtime) -> None:
        async with runtime.sessions.write() as session:
            values = {"state": state, "error": "mailbox full", "settled_at": SATURDAY}
            await session.execute(sa.update(Delivery).where(Delivery.address == address).values(values))

    in_database(work)


def test_who_did_not_get_it_is_one_command(town: None) -> None:
    settle("resident1@mail.example", State.FAILED)
    settle("resident3@mail.example", State.UNKNOWN)
    code, said = run("delivery", "list", "--edition", "2026-W47/southwick")
    assert code == 0 and "resident1@mail.example" in said and "mailbox full" in said and "resident3" not in said
    assert " failed digest 2026-W47, Southwick resident1@mail.example " in said
    assert said.endswith("1 delivery failed or unknown.")
    found = json.loads(run("delivery", "list", "--state", "unknown", "--json")[1])
    assert (found["total"], found["deliveries"][0]["address"]) == (1, "resident3@mail.example")
    assert run("delivery", "retry", "--edition", "2026-W47")[1] == "2 deliveries queued again."
    assert run("delivery", "retry", "--edition", "2026-W47")[1] == "0 deliveries queued again."
    assert run("delivery", "list")[1] == "0 deliveries failed or unknown."


@pytest.mark.parametrize("name", ["2026-W47/òban  mòr", "2026-w47/Òban Mòr", " 2026-W47 / ÒBAN MÒR "])
def test_an_edition_is_named_as_its_ward_and_week_are_everywhere_else(town: None, name: str) -> None:
    async def rename(runtime: Runtime) -> None:
        async with runtime.sessions.write() as session:
            await session.execute(sa.update(Ward).where(Ward.name == "Fulwell").values(name="Òban Mòr"))

    in_database(rename)
    assert run("delivery", "list", "--edition", name, "--state", "queued")[1].endswith("1 delivery queued.")


def test_unknown_ones_are_let_be_by_number_and_waiting_ones_dropped(town: None) -> None:
    settle("resident3@mail.example", State.UNKNOWN)
    number = str(json.loads(run("delivery", "list", "--json")[1])["deliveries"][0]["number"])
    assert run("delivery", "let-be", number)[1] == "1 delivery let be."
    assert run("delivery", "let-be", number)[1] == "0 deliveries let be. 1 delivery left as it is: cancelled."
    assert run("delivery", "drop", "--all")[1] == "2 deliveries cancelled."
    assert run("delivery", "list", "--state", "cancelled")[1].endswith("3 deliveries cancelled.")


@pytest.mark.parametrize("words", [("digest", "{}", "--ward", "Southwick"), ("delivery", "{}", "--edition", "2026-W47/E05016391")])
def test_an_edition_is_paused_resumed_and_cancelled_each_safe_to_say_twice(town: None, words: tuple[str, ...]) -> None:
    def say(verb: str) -> str:
        code, said = run(*(word.format(verb) for word in words))
        assert code == 0, said
        return said

    assert (say("pause"), say("pause")) == ("2 deliveries paused.", "0 deliveries paused.")
    assert json.loads(run("digest", "status", "--json")[1])["periods"][0]["deliveries"] == {"paused": 2, "queued": 1}
    assert (say("resume"), say("resume")) == ("2 deliveries resumed.", "0 deliveries resumed.")
    words = (*words, "--yes")
    assert (say("cancel"), say("cancel")) == ("2 deliveries cancelled.", "0 deliveries cancelled.")
    words = words[:-1]
    code, said = run(*(word.format("resume") for word in words))
    assert code == 1 and "what is cancelled stays so" in said


def test_all_wards_are_resumed_but_those_that_were_cancelled(town: None) -> None:
    run("digest", "pause")
    run("digest", "cancel", "--ward", "Fulwell", "--yes")
    assert run("digest", "resume") == (0, "2 deliveries resumed. 1 edition is cancelled, and what is cancelled stays so.")
    assert json.loads(run("digest", "status", "--json")[1])["periods"][0]["deliveries"] == {"cancelled": 1, "queued": 2}


@pytest.mark.parametrize("words", [("digest", "cancel"), ("delivery", "cancel", "--edition", "2026-W47")])
def test_cancelling_for_good_is_asked_first_with_how_many(town: None, words: tuple[str, ...]) -> None:
    for answer in ("n\n", "\n", ""):  # the last: nobody is there to answer
        with time_machine.travel(SATURDAY, tick=True):
            asked = CliRunner().invoke(app, words, input=answer)
        assert asked.exit_code == 1 and "cancelled" not in asked.stdout
        assert "Cancel 3 deliveries for good? Nobody gets them then." in asked.stderr
    assert json.loads(run("digest", "status", "--json")[1])["periods"][0]["deliveries"] == {"queued": 3}
    with time_machine.travel(SATURDAY, tick=True):
        assert "3 deliveries cancelled." in CliRunner().invoke(app, words, input="y\n").stdout


def test_a_machine_reads_what_was_done(town: None) -> None:
    def told(*words: str) -> Any:
        with time_machine.travel(SATURDAY, tick=True):
            result = CliRunner().invoke(app, [*words, "--json"])
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    settle("resident3@mail.example", State.UNKNOWN)
    none = dict.fromkeys(("queued", "waiting", "cancelled", "paused", "moved"), 0)
    assert told("digest", "publish") == {"period": "2026-W47", "held": False, **none}
    paused = told("digest", "pause", "--ward", "Southwick")
    assert paused["paused"] == 2 and paused["batches"][0].startswith("edition:")
    assert told("delivery", "resume", "--batch", paused["batches"][0])["resumed"] == 2
    assert told("delivery", "retry", "--all") == {"queued": 1, "gone": 0, "cancelled": 0, "waiting": 0}
    assert told("delivery", "let-be", "--all") == {"let_be": 0}
    assert told("delivery", "hold") == {"held": 3} and told("digest", "status")["held_at"] == "2026-11-21T12:00:00+00:00"
    assert told("delivery", "approve") == {"approved": 3} and told("digest", "status")["held_at"] is None
    assert told("delivery", "drop", "--all") == {"cancelled": 3}
    assert told("delivery", "list", "--state", "cancelled")["deliveries"][0]["settled_at"] == "2026-11-21T12:00:00+00:00"
    assert told("digest", "status")["next_due_at"] == "2026-11-27T16:00:00+00:00"
    assert told("digest", "cancel", "--yes")["cancelled"] == 0


def test_what_is_held_since_a_restore_says_so_until_it_is_approved(town: None) -> None:
    assert run("delivery", "hold")[1].startswith("3 deliveries held.")
    for words in (("delivery", "list", "--state", "held"), ("digest", "status")):
        assert "restored from a backup (noticed Saturday 21 November" in run(*words)[1]
    assert run("delivery", "drop", "--edition", "2026-W47/Fulwell", "--state", "held")[1] == "1 delivery cancelled."
    assert run("delivery", "approve")[1] == "2 deliveries may go out."
    assert "restored" not in run("digest", "status")[1]


def test_what_is_sent_again_of_a_paused_edition_is_said_to_wait(town: None) -> None:
    settle("resident1@mail.example", State.FAILED)
    settle("resident3@mail.example", State.FAILED)
    run("digest", "pause", "--ward", "Southwick")
    said = run("delivery", "retry", "--edition", "2026-W47")[1]
    assert said == "2 deliveries queued again. 1 delivery of these waits: it is paused or held."


def test_publishing_one_ward_shows_the_bar_of_that_ward(town: None) -> None:
    run("digest", "pause")  # nobody sends here, and the bar would wait for that
    code, said = run("digest", "publish", "--ward", "Southwick", "--watch")
    assert code == 0 and said.endswith("0 of 2 sent, 2 paused or held.")


def test_what_is_published_or_tried_out_while_all_is_held_is_said_to_be_held(town: None) -> None:
    assert "held" not in run("digest", "publish")[1]
    run("delivery", "hold")
    assert "Nothing of that goes out until `intouch delivery approve`" in run("digest", "publish", "--period", "2026-W46")[1]
    run("delivery", "approve")

    async def hold_meanwhile(runtime: Runtime) -> Done:
        trying = asyncio.create_task(sending.try_out(runtime, Audience.DIGEST, "Southwick", "olive@council.example"))
        while not await _deliveries_to(runtime, "olive@council.example"):
            await asyncio.sleep(0.01)
        async with runtime.sessions.write() as session:
            await holds.hold_all(session, by="test", now=runtime.now())
        return await trying

    with time_machine.travel(SATURDAY, tick=True):
        done = in_database(hold_meanwhile)
    assert done.sentence.endswith("is held: it goes out with `intouch delivery approve`.")


async def _deliveries_to(runtime: Runtime, address: str) -> list[Delivery]:
    async with runtime.sessions.read() as session:
        return list(await session.scalars(sa.select(Delivery).where(Delivery.address == address)))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("retry", "1", "2"), (1, "There is no delivery 2. `intouch delivery list` shows them.")),
        (("retry", "1"), (0, "0 deliveries queued again. 1 delivery left as it is: queued.")),
        (("let-be", "1"), (0, "0 deliveries let be. 1 delivery left as it is: queued.")),
        (("drop", "1"), (0, "1 delivery cancelled.")),
    ],
)
def test_a_number_that_is_none_or_stands_otherwise_is_told(town: None, words: tuple[str, ...], told: tuple[int, str]) -> None:
    async def leave_one(runtime: Runtime) -> None:
        async with runtime.sessions.write() as session:
            await session.execute(sa.delete(Delivery).where(Delivery.id > 1))

    in_database(leave_one)
    assert run("delivery", *words) == told


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("retry",), "Say which deliveries"),
        (("retry", "--all", "--state", "failed,sent"), "What is sent can't be sent again; only what is failed or unknown can."),
        (("drop", "--all", "--state", "sent"), "What is sent can't be dropped; only what is queued or paused or held can."),
        (("pause",), "Say which: --edition"),
        (("list", "--edition", "2026-W60"), "is not a week"),
        (("list", "--edition", "999"), "There is no edition “999”"),
        (("list", "--edition", "9" * 30), "is not the number of an edition. Write its week"),
        (("let-be", "abc"), "“abc” is not the number of a delivery. `intouch delivery list` shows them."),
        (("list", "--edition", "2026-W47/Atlantis"), "There is no edition"),
        (("list", "--state", "lost"), "is not a list of states"),
        (("list", "--state", ""), "is not a list of states"),
        (("pause", "--batch", "survey:99"), "There is no batch “survey:99”"),
        (("resume", "--batch", "no\x1b[2J"), "There is no batch “no\ufffd[2J”"),
        (("list", "--edition", "1", "--batch", "survey:1"), "not both"),
    ],
)
def test_a_wrong_word_gets_a_sentence(town: None, words: tuple[str, ...], sentence: str) -> None:
    code, said = run("delivery", *words)
    assert code == 1 and sentence in said


def test_a_test_send_is_the_real_letter_to_one_address_and_each_one_goes_out(town: None) -> None:
    async def try_out(runtime: Runtime) -> Done:
        return await sending.try_out(runtime, Audience.DIGEST, "Southwick", "Olive@council.example", patience=0.1)

    with time_machine.travel(SATURDAY, tick=True):
        for _ in range(2):
            done = in_database(try_out)
            assert "[Test] This week in Southwick" in done.sentence and "waits in the outbox" in done.sentence
    assert run("digest", "test", "--ward", "Southwick", "--to", "olive")[0] == 1
    found = in_database(lambda runtime: _deliveries_to(runtime, "olive@council.example"))
    assert len({row.key for row in found}) == 2
    assert "Road closed" in found[0].payload["text"] and "resident" not in found[0].payload["text"]
    assert found[0].payload["headers"]["List-Unsubscribe-Post"]


@pytest.mark.parametrize(
    ("reply", "said", "figures", "code"),
    [
        ("451 4.7.1 Greylisted", "is put off, and tried again by itself: RCPT: 451 4.7.1 Greylisted", {"sent": False, "waiting": True}, 0),
        ("550 5.1.1 No such user", "was not taken: RCPT: 550 5.1.1 No such user", {"sent": False, "waiting": False}, 1),
        ("", "is sent.", {"sent": True, "waiting": False}, 0),
    ],
)
def test_a_test_send_says_what_the_mail_server_said(
    town: None, capsys: pytest.CaptureFixture[str], reply: str, said: str, figures: dict[str, bool], code: int
) -> None:
    run("digest", "pause")

    async def send_while_it_waits(runtime: Runtime) -> Done:
        async with serving(ScriptedSmtp({"RCPT": [reply]} if reply else {})) as server, running(worker_to(runtime, server)):
            return await sending.try_out(runtime, Audience.DIGEST, "Southwick", "olive@council.example", patience=5.0)

    with time_machine.travel(SATURDAY, tick=True):
        done = in_database(send_while_it_waits)
    assert done.sentence == f"“[Test] This week in Southwick” to olive@council.example {said}"
    assert done.figures == figures | {"to": "olive@council.example"}
    for as_json in (True, False):
        with pytest.raises(typer.Exit) if code else contextlib.nullcontext():
            sending.tell(done, as_json=as_json)
    told = capsys.readouterr()
    assert done.sentence in (told.err if code else told.out) and json.loads(told.out.partition("}")[0] + "}") == done.figures


def test_the_bar_ends_by_itself_when_nothing_is_left_and_says_how_it_went(town: None) -> None:
    settle("resident1@mail.example", State.SENT)
    settle("resident2@mail.example", State.FAILED)
    run("digest", "pause", "--ward", "Fulwell")
    assert "1 of 3 sent, 1 refused, 1 paused or held." in run("digest", "status", "--watch")[1]


def followed(*words: str) -> list[dict[str, Any]]:
    with time_machine.travel(SATURDAY, tick=True):
        result = CliRunner().invoke(app, [*words, "--watch", "--json"])
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_a_machine_follows_with_a_line_at_each_look(town: None) -> None:
    settle("resident1@mail.example", State.SENT)
    settle("resident2@mail.example", State.FAILED)
    run("digest", "pause", "--ward", "Fulwell")
    counted = {"total": 3, "sent": 1, "refused": 1, "unknown": 0, "cancelled": 0, "kept": 1, "left": 0, "retried": 0}
    at = {"period": "2026-W47", "at": "2026-11-21T12:00:00+00:00", "rate": 0.0, "remaining_seconds": None, "is_over": True}
    assert followed("digest", "status") == [counted | at]
    assert followed("briefing", "status")[0]["total"] == 0
    published, seen = followed("digest", "publish", "--ward", "Southwick")
    assert (published["queued"], seen["total"], seen["is_over"]) == (0, 2, True)


async def test_the_bar_shows_rate_time_left_refused_and_retried_and_editions_that_come_to_it(town: None) -> None:
    found = Progress(total=4000, sent=990, refused=10, left=3000, retried=7)
    assert watching.told(Look(found, 500.0, 6.0)) == "500/s  0:00:06 left  10 refused  7 retried"
    runtime = application.build_runtime(settings_module.load())
    shown = Console(file=io.StringIO(), force_terminal=True, width=120)
    chosen = ["edition:1"]

    async def batches(_session: AsyncSession) -> list[str]:
        return chosen

    looking = asyncio.create_task(watching.watch(runtime, batches, title="digest", console=shown))
    await until(lambda: "0/" in shown.file.getvalue())  # type: ignore[attr-defined]
    assert "0/3" not in shown.file.getvalue()  # type: ignore[attr-defined]
    chosen.append("edition:2")
    await until(lambda: "0/3" in shown.file.getvalue())  # type: ignore[attr-defined]
    looking.cancel()
    assert (await looking).left == 3
    await runtime.sessions.close()


def test_a_standstill_asks_for_a_sender_or_says_when_what_was_put_off_is_tried_again(runtime: Runtime) -> None:
    now = runtime.now()
    assert "nothing has moved for 31 s: is a sender running" in watching.standing_still(31.4, now, runtime)
    said = watching.standing_still(31, now + timedelta(minutes=5), runtime)
    assert said.startswith("put off by the other side; the next tries begin at ") and said.endswith("m")
    assert watching.told(Look(Progress(left=2, retried=2), 0.0, None, said)) == f"{said}  2 retried"


@pytest.mark.parametrize("width", [32, 40, 50, 80, 200])
def test_a_narrow_terminal_shows_less_of_the_bar_and_all_of_its_figures(width: int) -> None:
    shown = Console(width=width, file=io.StringIO(), force_terminal=True, color_system=None)
    with watching.bar_on(shown) as drawn:
        drawn.add_task("digest 2026-W47", total=13333, completed=4054, told="668/s  0:00:15 left  10 refused")
    written = shown.file.getvalue()  # type: ignore[attr-defined]
    assert "…" not in written
    assert all(figure in written for figure in ("2026-W47", "4054/13333", "668/s", "0:00:15", "refused"))


@pytest.mark.parametrize("stand", [Stand.PAUSED, Stand.CANCELLED])
async def test_what_a_sender_had_claimed_counts_as_paused_or_cancelled(runtime: Runtime, now: datetime, stand: Stand) -> None:
    await queue(runtime, *(draft(number, now) for number in range(40)))
    channel = RecordingChannel(slow=1.0)  # ten seconds for all of them: on a busy machine too some are left to be stopped

    async def chosen(_session: AsyncSession) -> list[str]:
        return ["test:1"]

    async with running(worker(runtime, channel)):
        await until(lambda: bool(channel.sent))
        done = await stopping.stop(runtime, chosen, stand, within=20)
    assert done.figures[stand.value] == (await states(runtime)).count(State(stand.value)) > 0


async def test_what_a_sender_gives_back_while_it_is_counted_counts_too(runtime: Runtime, now: datetime) -> None:
    await queue(runtime, *(draft(number, now) for number in range(40)))
    asked = itertools.count()

    async def give(state: State) -> None:
        async with runtime.sessions.write() as session:
            await session.execute(sa.update(Delivery).values(state=state))

    def after(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        # The first is asked before the order, in its transaction.
        if "GROUP BY" in statement and next(asked) == 1:
            await_only(give(State.QUEUED))

    async def chosen(_session: AsyncSession) -> list[str]:
        return ["test:1"]

    await give(State.SENDING)
    sa.event.listen(runtime.sessions.engine.sync_engine, "after_cursor_execute", after)
    done = await stopping.stop(runtime, chosen, Stand.PAUSED)
    assert done.figures["paused"] == (await states(runtime)).count(State.PAUSED) == 40
