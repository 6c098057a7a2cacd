"""Late editions that wait for approval: cancelled, paused and resumed before anything of them is in the outbox."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
import time_machine
from typer.testing import CliRunner

from intouch import schedule
from intouch.cli import app
from intouch.digest import approving, editions
from intouch.digest.models import Audience
from intouch.outbox.models import Delivery
from intouch.places.models import Ward
from intouch.residents.models import Resident
from intouch.runtime import Runtime
from tests.cli.test_digest import SATURDAY, in_database, settings_of_the_machine, town

__all__ = ["settings_of_the_machine", "town"]

MONDAY = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SOUTHWICK = "2026-W47/Southwick"


def run(*words: str) -> str:
    with time_machine.travel(MONDAY, tick=True):
        result = CliRunner().invoke(app, list(words))
    assert result.exit_code == 0, result.output
    return " ".join(result.stdout.split())


def told(*words: str) -> Any:
    return json.loads(run(*words, "--json"))


def tick() -> None:
    async def reconcile(runtime: Runtime) -> None:
        with time_machine.travel(MONDAY, tick=False):
            await schedule.reconcile(runtime)

    in_database(reconcile)


def readers() -> list[str]:
    """The residents for whom a digest is in the outbox."""

    async def look(runtime: Runtime) -> list[str]:
        async with runtime.sessions.read() as session:
            return list(await session.scalars(sa.select(Delivery.address).where(Delivery.key.like("digest:%"))))

    return in_database(look)  # type: ignore[no-any-return]


@pytest.fixture
def late(town: None) -> None:
    """The digests of two wards were too late to go out by themselves, and so was a briefing."""

    async def begin_and_miss(runtime: Runtime) -> None:
        with time_machine.travel(SATURDAY - timedelta(days=30), tick=False):
            await schedule.reconcile(runtime)

    in_database(begin_and_miss)
    tick()
    assert told("digest", "status")["periods"][0]["editions"] == {"waiting": 2}


@pytest.mark.parametrize("words", [("digest", "cancel"), ("delivery", "cancel", "--edition", "2026-W47")])
def test_cancelled_before_they_are_approved_nobody_ever_gets_them(late: None, words: tuple[str, ...]) -> None:
    said = run(*words, "--yes")
    assert said == "2 editions that waited for approval are cancelled (Fulwell, Southwick). Nobody gets them."
    assert run(*words, "--yes") == "0 deliveries cancelled. 2 editions were cancelled before (Fulwell, Southwick)."
    assert "2026-W47 editions: 2 cancelled deliveries: none" in run("digest", "status")
    said = run("digest", "publish")
    assert said == "2026-W47: 0 emails and messages put into the outbox. 2 editions are cancelled, and what is cancelled stays so."
    tick()
    assert readers() == []
    assert told("digest", "status")["periods"][0]["editions"] == {"cancelled": 2}


def test_only_the_named_ward_is_cancelled_and_the_other_goes_out(late: None) -> None:
    done = told("digest", "cancel", "--ward", "southwick", "--yes")
    assert (done["cancelled"], done["editions"]) == (0, ["Southwick"])
    assert told("digest", "cancel", "--ward", "southwick", "--yes")["editions"] == []
    assert run("digest", "publish", "--ward", "Southwick").endswith("1 edition is cancelled, and what is cancelled stays so.")
    assert told("digest", "publish") == {
        "period": "2026-W47",
        "queued": 1,
        "waiting": 0,
        "cancelled": 1,
        "paused": 0,
        "moved": 0,
        "held": False,
    }
    assert readers() == ["resident2@mail.example"]
    assert told("digest", "status")["periods"][0]["editions"] == {"cancelled": 1, "published": 1}


def test_one_that_was_approved_and_not_yet_published_is_cancelled_too(late: None) -> None:
    async def approve(runtime: Runtime) -> None:
        async with runtime.sessions.write() as session:
            for one in await approving.waiting(session):
                await approving.approve(session, one.edition_id)

    in_database(approve)
    assert told("digest", "cancel", "--yes")["editions"] == ["Fulwell", "Southwick"]
    tick()
    assert told("digest", "status")["periods"][0]["editions"] == {"cancelled": 2}
    assert readers() == []


def test_the_question_before_it_counts_what_waits_for_approval(late: None) -> None:
    run("digest", "publish", "--ward", "Fulwell", "--no-watch")
    for words in (("digest", "cancel"), ("delivery", "cancel", "--edition", "2026-W47")):
        with time_machine.travel(MONDAY, tick=True):
            asked = CliRunner().invoke(app, words, input="n\n")
        assert asked.exit_code == 1
        assert "Cancel 1 delivery and 1 edition that waits for approval for good? Nobody gets them then." in asked.stderr
    assert told("digest", "status")["periods"][0]["editions"] == {"published": 1, "waiting": 1}
    assert run("digest", "cancel", "--yes") == (
        "1 delivery cancelled. 1 edition that waited for approval is cancelled (Southwick). Nobody gets it."
    )


def test_the_next_edition_tells_of_the_week_of_a_cancelled_one(late: None) -> None:
    async def told_since(runtime: Runtime) -> dict[str, datetime]:
        async with runtime.sessions.read() as session:
            when = schedule.weekly(runtime.settings, Audience.DIGEST)
            due = await editions.unpublished(session, Audience.DIGEST, when, period="2026-W48")
        return {one.ward.name: one.since for one in due}

    run("digest", "cancel", "--ward", "Southwick", "--yes")
    run("digest", "publish")
    since = in_database(told_since)
    assert since["Southwick"] < SATURDAY - timedelta(days=7) and since["Fulwell"] > MONDAY


def test_paused_before_it_is_approved_it_waits_for_both(late: None) -> None:
    assert run("digest", "pause", "--ward", "Southwick") == (
        "0 deliveries paused. 1 edition still waits for approval (Southwick); once approved, it waits until you resume it."
    )
    done = told("digest", "pause")
    assert (done["paused"], done["waiting"]) == (0, ["Fulwell", "Southwick"])
    assert run("digest", "resume", "--ward", "Fulwell") == (
        "0 deliveries resumed. 1 edition still waits for approval (Fulwell): `intouch digest publish` sends it."
    )
    assert run("digest", "publish").endswith("1 edition is paused, and waits until you resume it.")
    assert told("digest", "publish")["paused"] == 1
    assert run("digest", "resume") == "0 deliveries resumed."
    assert told("digest", "publish")["paused"] == 0


def test_approving_what_a_restore_holds_says_what_it_does_not_let_go(late: None) -> None:
    run("digest", "cancel", "--ward", "Southwick", "--yes")
    assert run("delivery", "approve", "--edition", SOUTHWICK) == (
        "0 deliveries may go out. 1 edition is cancelled (Southwick), and what is cancelled stays so."
    )
    assert run("delivery", "approve", "--edition", "2026-W47/Fulwell") == (
        "0 deliveries may go out. 1 edition still waits for approval (Fulwell): `intouch digest publish` sends it."
    )


def test_what_is_let_out_when_its_ward_has_ended_and_nobody_lives_there_is_said(late: None) -> None:
    async def move(runtime: Runtime) -> None:
        async with runtime.sessions.write() as session:
            fulwell = await session.scalar(sa.select(Ward.id).where(Ward.name == "Fulwell"))
            await session.execute(sa.update(Ward).where(Ward.name == "Southwick").values(valid_to=MONDAY.date()))
            await session.execute(sa.update(Resident).values(ward_id=fulwell))

    in_database(move)
    assert run("digest", "publish") == (
        "2026-W47: 2 emails and messages put into the outbox. "
        "1 edition is of a ward in which nobody lives any more; those of the new wards tell of the week too."
    )
    assert told("digest", "status")["periods"][0]["editions"] == {"cancelled": 1, "published": 1}
