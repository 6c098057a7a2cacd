"""The demo page's API: chats, mails and time, for its own page only."""

import asyncio
import shutil
import smtplib
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from intouch import app
from intouch.clock import ShiftedClock
from intouch.demo import cast, page
from intouch.demo.chats import STATIC
from intouch.demo.mailbox import mailbox
from intouch.demo.neighbours import Neighbours
from intouch.demo.server import demo_settings
from intouch.demo.stage import Stage, next_time
from intouch.demo.telegram import sending, simulated_telegram
from intouch.digest.models import Edition
from intouch.settings import Settings
from intouch.surveys.models import Survey, SurveyStatus
from intouch.web import application as web
from tests.demo.test_mailbox import letter
from tests.demo.test_telegram_messages import picture


@pytest.fixture
async def stage(tmp_path: Path, seeded_file: Path, clock: ShiftedClock) -> AsyncIterator[Stage]:
    """The demo's stage without the application's moving parts: nobody sends, nobody listens."""
    shutil.copy(seeded_file, tmp_path / "intouch.sqlite3")
    async with simulated_telegram(clock=clock.now) as telegram, mailbox(clock=clock.now) as box:
        runtime = app.build_runtime(demo_settings(tmp_path, port=8000, telegram=telegram, smtp_url=box.url), clock)
        yield Stage(telegram, box, clock, runtime)
        await runtime.sessions.close()


@pytest.fixture
async def browser(stage: Stage) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=page.create(stage, web.create(stage.runtime)))  # type: ignore[arg-type]
    async with httpx.AsyncClient(verify=False, transport=transport, base_url="http://127.0.0.1:8000") as client:
        yield client


async def _chat(browser: httpx.AsyncClient, key: str = "nadia") -> Any:
    return (await browser.get(f"/demo/chat/{key}")).json()


async def _bot_says(stage: Stage, text: str, **more: Any) -> None:
    world, updates = stage.telegram.world, stage.telegram.updates
    await sending.send_message(world, updates, {"chat_id": str(cast.NADIA.telegram_id), "text": text, "parse_mode": "HTML", **more})


async def test_the_demo_takes_nothing_from_a_councils_own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or it would send by the council's Notify account, empty its Maildir of reports, and never have a Friday."""
    (tmp_path / "intouch.toml").write_text('postmark_secret = "real"\nno_such_setting = 1\n')
    own = {
        "SETTINGS": tmp_path / "intouch.toml",
        "NOTIFY_API_KEY": "key",
        "BOUNCE_MAILDIR": tmp_path,
        "SEND_TO": "a@b.example",
        "TIMEZONE": "x",
    }
    for name, value in own.items():
        monkeypatch.setenv(f"INTOUCH_{name}", str(value))
    async with simulated_telegram() as telegram:
        chosen = demo_settings(tmp_path, port=8000, telegram=telegram, smtp_url="smtp://127.0.0.1:25")
    kept = {name for name, field in Settings.model_fields.items() if getattr(chosen, name) == field.default}
    assert {"notify_api_key", "bounce_maildir", "send_to", "timezone", "postmark_secret", "secret_key", "database_url"} < kept


async def test_the_page_loads_only_from_itself(browser: httpx.AsyncClient) -> None:
    answer = await browser.get("/")
    assert answer.status_code == 200
    assert "script-src 'self'" in answer.headers["content-security-policy"]
    assert "http://" not in answer.text and "https://" not in answer.text
    assert "tile map of our own" in answer.text
    for name in ("demo.js", "page.css", "phone.css", "mailbox.css", "icon.svg", "sample-photo.jpg"):
        assert (await browser.get(f"/demo/static/{name}")).status_code == 200


async def test_everything_else_is_the_councils_own(browser: httpx.AsyncClient) -> None:
    assert (await browser.get("/health/live")).status_code == 200
    assert "Sunderland City Council" in (await browser.get("/join")).text
    assert "Sunderland City Council" in (await browser.get("/home")).text


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Sec-Fetch-Site": "cross-site"}])
async def test_another_sites_page_is_refused(browser: httpx.AsyncClient, headers: dict[str, str]) -> None:
    assert (await browser.post("/demo/time/pulse", headers=headers)).status_code == 403


async def test_what_is_typed_arrives_and_is_shown(stage: Stage, browser: httpx.AsyncClient) -> None:
    assert not (await _chat(browser))["has_started"]
    await browser.post("/demo/chat/nadia/send", json={"text": " /start "})
    await _bot_says(stage, "<b>Hello</b> <i>you</i>")
    chat = await _chat(browser)
    assert chat["has_started"]
    assert [message["text"] for message in chat["messages"]] == ["/start", "Hello you"]
    assert [entity["type"] for entity in chat["messages"][1]["entities"]] == ["bold", "italic"]
    assert stage.telegram.updates.pending[0]["message"]["text"] == "/start"


async def test_a_tap_gives_the_bots_note(stage: Stage, browser: httpx.AsyncClient) -> None:
    stage.telegram.person(cast.NADIA.telegram_id, has_started=True)
    await _bot_says(stage, "Well?", reply_markup={"inline_keyboard": [[{"text": "Yes", "callback_data": "yes"}]]})
    (message,) = (await _chat(browser))["messages"]
    tap = asyncio.create_task(browser.post("/demo/chat/nadia/tap", json={"message_id": message["id"], "label": "Yes"}))
    await stage.telegram.world.wait_until(lambda: stage.telegram.world.taps, timeout=2)
    (started,) = stage.telegram.world.taps.values()
    started.answer = {"text": "Saved", "is_alert": False}
    stage.telegram.world.touch()
    assert (await tap).json() == {"note": "Saved"}
    gone = await browser.post("/demo/chat/nadia/tap", json={"message_id": message["id"], "label": "No"})
    assert gone.json() == {"note": "That button is gone."}


async def test_sample_photos_differ_so_that_a_report_can_have_three(stage: Stage, browser: httpx.AsyncClient) -> None:
    for _ in range(4):
        await browser.post("/demo/chat/nadia/photo", content=b"")
    sent = [(await browser.get(message["photo"]["url"])).content for message in (await _chat(browser))["messages"]]
    assert len(set(sent)) == 3 and sent[3] == sent[0]


async def test_photos_places_stickers_and_blocking_reach_the_bot(stage: Stage, browser: httpx.AsyncClient) -> None:
    await browser.post("/demo/chat/nadia/photo", content=picture())
    await browser.post("/demo/chat/nadia/photo", content=b"")
    await browser.post("/demo/chat/nadia/location", json={"longitude": -1.398, "latitude": 54.9285})
    await browser.post("/demo/chat/nadia/send", json={"kind": "sticker"})
    await browser.post("/demo/chat/nadia/block", json={"is_blocked": True})
    chat = await _chat(browser)
    own, sample, place, sticker = chat["messages"]
    assert (own["photo"]["width"], place["place"], sticker["other"], chat["has_blocked"]) == (40, "Southwick", "sticker", True)
    assert (await browser.get(own["photo"]["url"])).content == picture()
    assert (await browser.get(sample["photo"]["url"])).content == (STATIC / "sample-photo.jpg").read_bytes()
    kinds = [next(kind for kind in update if kind != "update_id") for update in stage.telegram.updates.pending]
    assert kinds == ["message"] * 4 + ["my_chat_member"]


async def test_a_photo_that_is_too_large_is_refused_before_it_is_sent(stage: Stage, browser: httpx.AsyncClient) -> None:
    answer = await browser.post("/demo/chat/nadia/photo", content=b"x" * (sending.LARGEST_PHOTO + 1))
    assert answer.status_code == 413 and "10 MB" in answer.json()["note"]
    assert stage.telegram.updates.pending == []


async def test_a_file_cannot_act_on_the_page(stage: Stage, browser: httpx.AsyncClient) -> None:
    stored = stage.telegram.world.store(b"<script>", filename='a"b.html', content_type="text/html", folder="documents")
    answer = await browser.get(f"/demo/files/{stored.file_id}")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-disposition"] == 'attachment; filename="ab.html"'
    assert "sandbox" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("key", ["mallory", "grace"])
async def test_who_has_no_phone_has_no_chat(browser: httpx.AsyncClient, key: str) -> None:
    assert (await browser.get(f"/demo/chat/{key}")).status_code == 404


async def test_the_mailbox_shows_an_email_in_three_ways(stage: Stage, browser: httpx.AsyncClient) -> None:
    def post() -> None:
        with smtplib.SMTP("127.0.0.1", stage.box.port) as client:
            client.send_message(letter())

    await asyncio.to_thread(post)
    listed = (await browser.get("/demo/mail")).json()
    assert (listed["total"], listed["mails"][0]["subject"]) == (1, "Your ward this week")
    assert (await browser.get("/demo/mail?who=nadia")).json()["total"] == 0
    assert (await browser.get("/demo/mail?who=all")).json()["total"] == 1
    shown = (await browser.get("/demo/mail/1")).json()
    assert "café" in shown["text"] and "Message-ID: <1@council.example>" in shown["raw"]
    assert [name for name, _ in shown["headers"]] == ["From", "To", "Subject"]
    frame = await browser.get("/demo/mail/1/html")
    assert '<base target="_blank">' in frame.text and "<b>Grace</b>" in frame.text
    assert "sandbox allow-popups" in frame.headers["content-security-policy"]
    assert "script-src" not in frame.headers["content-security-policy"] and "default-src 'none'" in frame.headers["content-security-policy"]
    assert (await browser.get("/demo/mail/2")).status_code == 404


async def test_time_passes_by_buttons(stage: Stage, browser: httpx.AsyncClient) -> None:
    before = stage.now()
    asked = (await browser.post("/demo/time/pulse")).json()["note"]
    assert "603 people" in asked
    closed = await browser.post("/demo/time/close")
    assert "closed and published" in closed.json()["note"]
    await browser.post("/demo/time/friday")
    friday = stage.now().astimezone(stage.runtime.settings.zone)
    assert (friday.strftime("%a %H:%M"), friday - before < timedelta(days=7)) == ("Fri 16:00", True)
    await browser.post("/demo/time/monday")
    assert stage.now().astimezone(stage.runtime.settings.zone).strftime("%a %H:%M") == "Mon 08:00"
    assert (await browser.get("/demo/state")).json()["time"] == "08:00"
    assert (await browser.post("/demo/time/yesterday")).status_code == 404
    async with stage.runtime.sessions.read() as session:
        assert await session.scalar(sa.select(sa.func.count(sa.distinct(Edition.audience)))) == 2


async def test_closing_when_nothing_is_open_says_so(stage: Stage, browser: httpx.AsyncClient) -> None:
    async with stage.runtime.sessions.write() as session:
        await session.execute(sa.update(Survey).values(status=SurveyStatus.PUBLISHED))
    answer = await browser.post("/demo/time/close")
    assert (answer.status_code, answer.json()["note"]) == (409, "No survey is open. Launch a pulse first.")


async def test_friday_comes_after_friday(stage: Stage) -> None:
    runtime = stage.runtime
    friday = next_time("fri 16:00", runtime, after=runtime.now())
    assert next_time("fri 16:00", runtime, after=friday) == friday + timedelta(days=7)


async def test_events_tell_of_what_changed(stage: Stage) -> None:
    stream = page._stream(stage)
    assert '"mails": 0' in await anext(stream)
    await stage.telegram.person(cast.NADIA.telegram_id).sends("hello")
    seen = [await asyncio.wait_for(anext(stream), 5) for _ in range(2)]
    assert any(one.startswith("data: ") for one in seen)
    stage.is_closing.set()
    assert [one async for one in stream if one.startswith("data")] == []


async def test_neighbours_answer_what_they_are_asked(stage: Stage) -> None:
    neighbours = Neighbours(stage.telegram)
    person = neighbours._answering[0]
    markup = {"inline_keyboard": [[{"text": "Yes", "callback_data": "survey:1:2"}], [{"text": "More", "callback_data": "account:x"}]]}
    await sending.send_message(
        stage.telegram.world, stage.telegram.updates, {"chat_id": str(person.id), "text": "Well?", "reply_markup": markup}
    )
    running = asyncio.create_task(neighbours.run())
    await stage.telegram.world.wait_until(lambda: stage.telegram.world.taps, timeout=3)
    await asyncio.sleep(0.2)
    running.cancel()
    assert [tap.data for tap in stage.telegram.world.taps.values()] == ["survey:1:2"]
