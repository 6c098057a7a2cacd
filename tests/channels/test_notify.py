"""GOV.UK Notify as the road of email: its own client against a scripted Notify on loopback."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web

from intouch.channels import mime
from intouch.channels.notify import NotifyAccount, NotifyChannel
from intouch.channels.outcomes import Envelope, Outcome, Verdict
from intouch.letters import Letter
from tests.channels.sending import each

SERVICE, SECRET = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
KEY = f"test-{SERVICE}-{SECRET}"
TEMPLATE = "33333333-3333-4333-8333-333333333333"
UNSUBSCRIBE = "https://council.example/unsubscribe/abc"
LETTER = Letter("Your ward – this week", "<p>Héllo</p>", "Héllo Grace,\n\nnews.\n", {"List-Unsubscribe": f"<{UNSUBSCRIBE}>"})
MESSAGE = mime.compose(
    LETTER,
    sender="In Touch <news@council.example>",
    recipient="grace@example.org",
    message_id="<1@council.example>",
    at=datetime(2026, 11, 18, tzinfo=UTC),
)


class ScriptedNotify:
    """Answers each email with the next of ``answers``, then with 201; checks the token as Notify does."""

    def __init__(self, *answers: tuple[int, Any]) -> None:
        self.answers = list(answers)
        self.asked: list[dict[str, Any]] = []
        self.tokens: list[str] = []
        self.delay = 0.0
        self.port = 0

    async def handle(self, request: web.Request) -> web.Response:
        self.tokens.append(request.headers["Authorization"].removeprefix("Bearer "))
        self.asked.append(await request.json())
        await asyncio.sleep(self.delay)
        status, body = self.answers.pop(0) if self.answers else (201, {"id": f"n{len(self.asked)}"})
        return web.Response(status=status, text=body if isinstance(body, str) else json.dumps(body), content_type="application/json")


@asynccontextmanager
async def serving(server: ScriptedNotify) -> AsyncIterator[ScriptedNotify]:
    app = web.Application()
    app.router.add_post("/v2/notifications/email", server.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    listener = socket.create_server(("127.0.0.1", 0))
    server.port = listener.getsockname()[1]
    await web.SockSite(runner, listener).start()
    try:
        yield server
    finally:
        await runner.cleanup()


def _error(code: int, kind: str, message: str) -> tuple[int, Any]:
    return code, {"status_code": code, "errors": [{"error": kind, "message": message}]}


async def send(port: int, *envelopes: Envelope, patience: float = 10.0) -> list[Outcome]:
    pytest.importorskip("notifications_python_client", reason="the extra `notify` is not installed")
    channel = NotifyChannel(NotifyAccount(KEY, TEMPLATE, f"http://127.0.0.1:{port}"), patience=patience)
    try:
        found = {number: outcome async for number, outcome in each(channel, envelopes)}
    finally:
        await channel.close()
    return [found[envelope.number] for envelope in envelopes]


def envelope(number: int = 1, **changes: Any) -> Envelope:
    values = {"number": number, "address": "grace@example.org", "content": MESSAGE, "message_id": "<1@council.example>"} | changes
    return Envelope(**values)


async def test_notify_gets_subject_text_and_the_way_out_under_a_signed_token() -> None:
    jwt = pytest.importorskip("jwt", reason="the extra `notify` is not installed")
    async with serving(ScriptedNotify()) as server:
        (outcome,) = await send(server.port, envelope())
    assert outcome == Outcome(Verdict.SENT, provider_id="n1")
    assert server.asked == [
        {
            "email_address": "grace@example.org",
            "template_id": TEMPLATE,
            "personalisation": {"subject": "Your ward – this week", "body": "Héllo Grace,\n\nnews."},
            "reference": "<1@council.example>",
            "one_click_unsubscribe_url": UNSUBSCRIBE,
        }
    ]
    assert jwt.decode(server.tokens[0], SECRET, algorithms=["HS256"])["iss"] == SERVICE


async def test_a_way_out_that_notify_takes_for_none_fails_no_email() -> None:
    """Its one click has to begin with https; the link that stands in the text is enough where the pages have none, as at a trial."""
    plain = MESSAGE.replace(UNSUBSCRIBE.encode(), b"http://127.0.0.1:8000/unsubscribe/abc")
    async with serving(ScriptedNotify()) as server:
        (outcome,) = await send(server.port, envelope(content=plain))
    assert outcome.verdict is Verdict.SENT
    assert "one_click_unsubscribe_url" not in server.asked[0]


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (_error(400, "ValidationError", "email_address Not a valid email address"), Verdict.DEAD),
        (_error(400, "ValidationError", "template_id is not a valid UUID"), Verdict.FAILED),
        (_error(400, "BadRequestError", "Can't send to this recipient using a team-only API key"), Verdict.NOT_TRIED),
        (_error(403, "AuthError", "Invalid token: API key not found"), Verdict.NOT_TRIED),
        (_error(429, "RateLimitError", "Exceeded rate limit for key type LIVE of 3000 requests per 60 seconds"), Verdict.NOT_TRIED),
        (_error(429, "TooManyRequestsError", "Exceeded send limits (250000) for today"), Verdict.NOT_TRIED),
        (_error(500, "Exception", "Internal server error"), Verdict.UNKNOWN),
        (_error(503, "Exception", "Service unavailable"), Verdict.RETRY),
        ((502, "<html>Bad gateway</html>"), Verdict.UNKNOWN),
        ((400, "[7]"), Verdict.FAILED),
        ((201, "rubbish"), Verdict.UNKNOWN),
        ((201, "[]"), Verdict.SENT),
    ],
)
async def test_each_answer_of_notify_means_something(answer: tuple[int, Any], verdict: Verdict) -> None:
    async with serving(ScriptedNotify(answer)) as server:
        first, second = await send(server.port, envelope(1, rank=0)), await send(server.port, envelope(2))
    assert (first[0].verdict, second[0].verdict) == (verdict, Verdict.SENT)
    assert "grace" not in first[0].error


async def test_no_answer_is_unknown_and_no_connection_is_a_closed_road() -> None:
    server = ScriptedNotify()
    server.delay = 1.5
    async with serving(server):
        (slow,) = await send(server.port, envelope(), patience=0.3)
    assert slow.verdict is Verdict.UNKNOWN
    (closed,) = await send(server.port, envelope())
    assert (closed.verdict, closed.after) == (Verdict.NOT_TRIED, 1.0)


async def test_a_reply_is_not_held_up_by_an_edition_and_what_is_not_ours_stays() -> None:
    server = ScriptedNotify()
    server.delay = 0.1
    async with serving(server):
        outcomes = await send(
            server.port,
            *(envelope(number, address=f"bulk{number}@example.org") for number in range(20)),
            envelope(50, rank=1, address="notice@example.org"),
            envelope(51, is_ours=lambda: False),
        )
    assert [outcome.verdict for outcome in outcomes] == [Verdict.SENT] * 21 + [Verdict.NOT_TRIED]
    assert "notice@example.org" in [asked["email_address"] for asked in server.asked[:8]]


async def test_what_may_not_begin_is_not_sent() -> None:
    async def never() -> bool:
        return False

    async with serving(ScriptedNotify()) as server:
        (outcome,) = await send(server.port, Envelope(1, "grace@example.org", MESSAGE, begin=never))
    assert (outcome.verdict, server.asked) == (Verdict.NOT_TRIED, [])


async def test_a_channel_that_halts_begins_nothing_more() -> None:
    pytest.importorskip("notifications_python_client", reason="the extra `notify` is not installed")
    channel = NotifyChannel(NotifyAccount(KEY, TEMPLATE, "http://127.0.0.1:9"))
    channel.halt()
    assert [outcome.verdict async for _, outcome in each(channel, [envelope()])] == [Verdict.NOT_TRIED]
    await channel.close()


def test_without_the_extra_a_sentence_says_what_to_install() -> None:
    code = """
import sys
sys.modules["notifications_python_client"] = None  # as where it is not installed
from intouch.channels.notify import NotifyAccount, NotifyChannel
NotifyChannel(NotifyAccount("key", "template"))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "NotifyMissing" in done.stderr and 'Run `pip install "intouch[notify]"`.' in done.stderr
