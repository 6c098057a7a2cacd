"""Export: everything held about a person is in it, as JSON, and nothing about anybody else."""

import base64
import json
from datetime import datetime
from typing import Any

import pytest

from intouch.errors import NotFound
from intouch.letters import Letter
from intouch.outbox import enqueue, ready
from intouch.outbox.models import DeadAddress, Lane, Road
from intouch.privacy import erasure, export
from intouch.residents import email
from intouch.residents.models import Resident
from intouch.runtime import Runtime
from tests.privacy import world
from tests.residents import cast


async def test_the_export_holds_everything_in_plain_words(runtime: Runtime, now: datetime) -> None:
    resident_id = await world.aloysia(runtime, now)
    async with runtime.sessions.read() as session:
        everything = json.loads(json.dumps(await export.everything_about(session, resident_id)))
    assert everything["resident"]["email"] == world.EMAIL
    assert everything["resident"]["ward"] == "Southwick"
    assert [one["wording"] for one in everything["consents"]] == [cast.WORDING]
    assert {one["topic"] for one in everything["subscriptions"]} == {"surveys", "digest"}
    (survey,) = everything["surveys"]
    assert [(one["question"], one["answer"]) for one in survey["answers"]] == [("Mondays?", "Yes"), ("Why?", world.ANSWER)]
    (report,) = everything["reports"]
    assert (report["reference"], report["description"], report["place"]) == ("SR-7K3M2", world.REPORT, world.PLACE)
    assert base64.b64decode(report["photos"][0]["jpeg_base64"]).endswith(world.REPORT.encode())
    assert report["updates"][0]["note"] == world.NOTE
    assert world.ANSWER in "".join(one["words"] for one in everything["messages"])


async def test_the_export_holds_nothing_of_anybody_else(runtime: Runtime, now: datetime) -> None:
    await world.aloysia(runtime, now)
    async with runtime.sessions.write() as session:
        bob = await cast.alice(session, now=now, telegram_id=cast.BOB, name="Bob")
        text = json.dumps(await export.everything_about(session, bob.id))
    assert "Bob" in text
    assert not any(trace in text for trace in (world.NAME, world.EMAIL, world.ANSWER, world.REPORT, str(world.TELEGRAM_ID)))


async def test_of_somebody_erased_there_is_nothing_to_export(runtime: Runtime, now: datetime) -> None:
    resident_id = await world.aloysia(runtime, now)
    async with runtime.sessions.write() as session:
        await erasure.erase(session, resident_id, now=now)
        with pytest.raises(NotFound, match="no resident"):
            await export.everything_about(session, resident_id)


async def _everything(runtime: Runtime, resident_id: int) -> dict[str, Any]:
    async with runtime.sessions.read() as session:
        loaded: dict[str, Any] = json.loads(json.dumps(await export.everything_about(session, resident_id)))
        return loaded


async def test_replies_that_were_sent_later_are_in_the_export(runtime: Runtime, now: datetime) -> None:
    resident_id = await world.aloysia(runtime, now)
    letter = Letter("Your week", "<p>one</p>", "All that was said: https://intouch.example/answer/secret", {})
    async with runtime.sessions.write() as session:
        message = {"kind": "message", "road": Road.TELEGRAM, "lane": Lane.REPLY, "due_at": now}
        await enqueue.enqueue(session, enqueue.Draft(key="reply:8:0", address=str(world.TELEGRAM_ID), payload={"text": "later"}, **message))
        await enqueue.enqueue(session, enqueue.Draft(key="reply:9:0", address="4711", payload={"text": "of another"}, **message))
        await enqueue.enqueue(session, ready.test_send(letter, world.EMAIL, now=now))
    messages = (await _everything(runtime, resident_id))["messages"]
    words = [one["words"] for one in messages]
    assert "later" in words and "of another" not in words
    assert any("All that was said" in one and "secret" not in one for one in words)


async def test_letters_are_exported_with_what_stood_in_them_but_not_with_their_links(runtime: Runtime, now: datetime) -> None:
    resident_id = await world.aloysia(runtime, now)
    async with runtime.sessions.write() as session:
        resident = await session.get_one(Resident, resident_id)
        await email.ask_confirmation(session, resident, "somebody.else@example.org", links=runtime.links, now=now)
        values = {"reference": "SR-7K3M2", "note": world.NOTE, "rows": [{"url": "https://intouch.example/confirm/x"}, 3]}
        draft = enqueue.Draft(
            key="issue:1:1",
            kind="letter",
            road=Road.EMAIL,
            lane=Lane.NOTICE,
            address=world.EMAIL,
            payload={"template": "issue_update", "values": values},
            owner=f"resident:{resident_id}",
            due_at=now,
        )
        await enqueue.enqueue(session, draft)
    messages = (await _everything(runtime, resident_id))["messages"]
    update = next(one for one in messages if one["letter"] == "issue_update")
    assert (update["values"]["reference"], update["values"]["note"], update["values"]["rows"][1]) == ("SR-7K3M2", world.NOTE, 3)
    assert [one["to"] for one in messages if one["letter"] == "confirm_email"] == [world.EMAIL, "somebody.else@example.org"]
    # Whoever typed the address of somebody else must not find here the link that only its owner may have.
    assert "/confirm/" not in json.dumps(messages)


async def test_an_unproven_address_brings_nothing_that_was_sent_to_it_by_others(runtime: Runtime, now: datetime) -> None:
    resident_id = await world.aloysia(runtime, now)
    letter = Letter("Your ward", "<p>one</p>", "the briefing of somebody else", {})
    async with runtime.sessions.write() as session:
        resident = await session.get_one(Resident, resident_id)
        await email.ask_confirmation(session, resident, "carl@council.example", links=runtime.links, now=now)
        await enqueue.enqueue(session, ready.test_send(letter, "carl@council.example", now=now))
    assert "the briefing of somebody else" not in json.dumps(await _everything(runtime, resident_id))


async def test_a_dead_address_the_wish_and_the_ward_of_invitations_are_in_the_export(runtime: Runtime, now: datetime) -> None:
    resident_id = await world.aloysia(runtime, now)
    async with runtime.sessions.write() as session:
        (await session.get_one(Resident, resident_id)).wants_board = True
        session.add(DeadAddress(road=Road.EMAIL, address=world.EMAIL, reason="bounced: 5.1.1", died_at=now))
    everything = await _everything(runtime, resident_id)
    assert everything["resident"]["wants_to_join_the_sounding_board"] is True
    (survey,) = everything["surveys"]
    assert (survey["asked_in_ward"], survey["answered_in_ward"]) == ("Southwick", "Southwick")
    gone = everything["undelivered"]["addresses_given_up"]
    assert {(one["by"], one["address"], one["because"]) for one in gone} == {
        ("email", world.EMAIL, "bounced: 5.1.1"),
        ("telegram", str(world.TELEGRAM_ID), "403"),
    }
