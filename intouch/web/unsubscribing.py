"""Unsubscribing: one button for people, and one click for mail programs (RFC 8058)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from intouch.errors import NotFound
from intouch.residents import email, finding, preferences, subscriptions
from intouch.residents.models import Channel, Resident, ResidentStatus, Topic
from intouch.web import forms
from intouch.web.pages import page, runtime_of, see


def _read(request: Request) -> tuple[int, Topic]:
    runtime = runtime_of(request)
    resident_id, topic = runtime.links.read("unsubscribe", request.path_params["token"], now=runtime.now())
    return resident_id, Topic(topic)


async def show(request: Request) -> Response:
    """One button, so that a mail scanner that opens the link unsubscribes nobody; none where the topic has ended before."""
    resident_id, topic = _read(request)
    async with runtime_of(request).sessions.read() as session:
        resident = await finding.resident(session, resident_id)
        if not await subscriptions.has(session, resident.id, topic=topic, channel=Channel.EMAIL):
            return _ended(request, resident, topic, was_ended=True)
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
            resident = await finding.resident(session, resident_id)
            ended = await preferences.unsubscribe(session, resident.id, topic=topic, now=runtime.now())
    except NotFound:
        # Whoever was erased gets nothing any more: to a mail program that is success.
        if not is_one_click:
            raise
    if is_one_click:
        return PlainTextResponse("Unsubscribed.\n")
    return _ended(request, resident, topic, was_ended=ended == 0)


def _ended(request: Request, resident: Resident, topic: Topic, *, was_ended: bool) -> Response:
    return page(
        request,
        "unsubscribed",
        topic=topic.value,
        was_ended=was_ended,
        is_stopped=resident.status is ResidentStatus.STOPPED,
        preferences=_preferences(request, resident),
    )


def _preferences(request: Request, resident: Resident) -> str:
    return f"/preferences/{runtime_of(request).links.token('preferences', resident.id)}"


async def _resubscribe(request: Request, resident_id: int, topic: Topic) -> Response:
    runtime = runtime_of(request)
    async with runtime.sessions.write() as session:
        resident = await finding.resident(session, resident_id)
        if resident.status is ResidentStatus.STOPPED or not await email.reaches(session, resident):
            return see(request, _preferences(request, resident))  # to come back, they agree or prove their address once more: there
        await subscriptions.subscribe(session, resident.id, topic=topic, channel=Channel.EMAIL, now=runtime.now())
    return page(request, "resubscribed", topic=topic.value, preferences=_preferences(request, resident))
