"""Export: everything held about a person is in it, as JSON, and nothing about anybody else."""

import base64
import json
from datetime import datetime

import pytest

from intouch.errors import NotFound
from intouch.privacy import erasure, export
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
