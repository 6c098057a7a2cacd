"""Preferences: what a person gets, where they live, and everything held about them: to change, to take away, to erase."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping

from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import Request
from starlette.responses import Response

from intouch.errors import BadInput, NotAllowed, NotFound
from intouch.places import lookup
from intouch.privacy import erasure, export
from intouch.residents import consents, email, finding, preferences, signup, wards
from intouch.residents.models import Topic
from intouch.web import forms
from intouch.web.pages import page, runtime_of, see, today

DONE = ("topics", "letter", "ward", "stop")


async def show(request: Request) -> Response:
    """What we send them and where they live, with a form for each."""
    return await _page(request, {}, "")


async def change(request: Request) -> Response:
    """Does what the pressed button says; a button that does not exist changes nothing."""
    form = await forms.read(request)
    return await _ACTIONS.get(form.text("action"), _nothing)(request, form)


async def _nothing(request: Request, _: forms.Form) -> Response:
    return await _page(request, {}, "")


async def _set_topics(request: Request, form: forms.Form) -> Response:
    wanted = {topic for topic in Topic if topic.value in form.texts("topic")}
    runtime = runtime_of(request)
    try:
        async with runtime.sessions.write() as session:
            if await preferences.change_topics(session, _resident_id(request), topics=wanted, now=runtime.now()):
                return _done(request, "topics")
            await _prove_address(request, session)
    except (BadInput, NotAllowed) as error:
        return await _page(request, {"digest": str(error)}, "")
    return _done(request, "letter")


async def _prove_address(request: Request, session: AsyncSession) -> None:
    """Our emails came back: a letter goes to the address once more, and what is chosen after it is confirmed comes again."""
    runtime = runtime_of(request)
    resident = await finding.resident(session, _resident_id(request), lock=True)
    if not resident.email:
        raise BadInput("We have no email address for you. To give us one, send /settings to the bot in Telegram.")
    await email.ask_confirmation(session, resident, resident.email, links=runtime.links, now=runtime.now())


async def _set_ward(request: Request, form: forms.Form) -> Response:
    typed, code = form.text("postcode"), form.text("ward")
    try:
        async with runtime_of(request).sessions.write() as session:
            await _live_in(request, session, typed, code)
            resident = await finding.resident(session, _resident_id(request))
            await signup.finish(session, resident, now=runtime_of(request).now())
    except (BadInput, NotFound) as error:
        return await _page(request, {"postcode": str(error) if typed else "Enter your postcode, or choose your ward below it."}, typed)
    return _done(request, "ward")


async def _live_in(request: Request, session: AsyncSession, typed: str, code: str) -> None:
    if code and not typed:
        resident = await finding.resident(session, _resident_id(request), lock=True)
        ward = await lookup.ward_by_code(session, code)
        await wards.choose(session, resident, ward.id, on=today(request))
    else:
        council = runtime_of(request).settings.council_name
        await preferences.change_ward(session, _resident_id(request), postcode=typed, on=today(request), council=council)


async def _stop(request: Request, _: forms.Form) -> Response:
    runtime = runtime_of(request)
    async with runtime.sessions.write() as session:
        resident = await finding.resident(session, _resident_id(request), lock=True)
        await signup.stop(session, resident, now=runtime.now())
    return _done(request, "stop")


async def _download(request: Request, _: forms.Form) -> Response:
    async with runtime_of(request).sessions.read() as session:
        resident = await finding.resident(session, _resident_id(request))
        everything = await export.everything_about(session, resident.id)
    headers = {"Content-Disposition": 'attachment; filename="in-touch-my-data.json"'}
    return Response(json.dumps(everything, indent=2, ensure_ascii=False), media_type="application/json", headers=headers)


async def _ask_again(request: Request, _: forms.Form) -> Response:
    async with runtime_of(request).sessions.read() as session:
        await finding.resident(session, _resident_id(request))
    return page(request, "erase")


async def _erase(request: Request, _: forms.Form) -> Response:
    runtime = runtime_of(request)
    async with runtime.sessions.write() as session:
        resident = await finding.resident(session, _resident_id(request), lock=True)
        await erasure.erase(session, resident.id, now=runtime.now())
    return page(request, "erased")


_ACTIONS: Mapping[str, Callable[[Request, forms.Form], Awaitable[Response]]] = {
    "topics": _set_topics,
    "ward": _set_ward,
    "stop": _stop,
    "download": _download,
    "erase": _ask_again,
    "erase_for_good": _erase,
}


async def _page(request: Request, errors: dict[str, str], typed: str) -> Response:
    async with runtime_of(request).sessions.read() as session:
        held = await preferences.preferences(session, _resident_id(request))
        known = await lookup.wards(session, on=today(request))
    # Whoever uses Telegram gets surveys there, and says so there: here only what comes by email.
    offered = [topic for topic in Topic if topic is Topic.DIGEST or topic in held.topics or not held.is_on_telegram]
    done = request.query_params.get("done", "")
    return page(
        request,
        "preferences",
        status=400 if errors else 200,
        errors=errors,
        held=held,
        topics=[(topic.value, topic in held.topics) for topic in offered],
        ward=held.ward.name if held.ward else "",
        postcode=typed,
        wards=known,
        consent=consents.email_wording() if held.is_stopped else "",
        done=done if done in DONE and not errors else "",
    )


def _done(request: Request, what: str) -> Response:
    return see(request, f"/preferences/{request.path_params['token']}?done={what}")


def _resident_id(request: Request) -> int:
    runtime = runtime_of(request)
    (resident_id,) = runtime.links.read("preferences", request.path_params["token"], now=runtime.now())
    return int(resident_id)
