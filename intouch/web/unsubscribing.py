"""Unsubscribing: one button for people, and one click for mail programs (RFC 8058)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from intouch.errors import NotFound
from intouch.residents import finding, preferences, subscriptions
from intouch.residents.models import Channel, Topic
from intouch.web import forms
from intouch.web.pages import page, runtime_of


def _read(request: Request) -> tuple[int, Topic]:
    runtime = runtime_of(request)
    resident_id, topic = runtime.links.read("unsubscribe", request.path_params["token"], now=runtime.now())
    return resident_id, Topic(topic)


async def show(request: Request) -> Response:
    """One button; a mail scanner that opens the link unsubscribes nobody."""
    _, topic = _read(request)
    return page(request, "unsubscribe", topic=topic.value)


async def unsubscribe(request: Request) -> Response:
    """Ends the topic by email, whatever the body says; only the page's own "undo" starts it again."""
    resident_id, topic = _read(request)
    form = await forms.read_leniently(request)
    if form.text("action") == "resubscribe":
        return await _resubscribe(request, resident_id, topic)
    is_one_click = form.has("List-Unsubscribe")
    runtime = runtime_of(request)
    try:
        async with runtime.sessions.write() as session:
            await preferences.unsubscribe(session, resident_id, topic=topic, now=runtime.now())
    except NotFound:
        # Whoever was erased gets nothing any more: to a mail program that is success.
        if not is_one_click:
            raise
    if is_one_click:
        return PlainTextResponse("Unsubscribed.\n")
    token = runtime.links.token("preferences", resident_id)
    return page(request, "unsubscribed", topic=topic.value, preferences=f"/preferences/{token}")


async def _resubscribe(request: Request, resident_id: int, topic: Topic) -> Response:
    runtime = runtime_of(request)
    async with runtime.sessions.write() as session:
        resident = await finding.resident(session, resident_id)
        await subscriptions.subscribe(session, resident.id, topic=topic, channel=Channel.EMAIL, now=runtime.now())
    return page(request, "resubscribed", topic=topic.value)
