"""Joining: the form with which a person signs up by email alone."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from intouch.errors import InTouchError
from intouch.places import lookup
from intouch.places.models import Ward
from intouch.residents import consents, joining
from intouch.residents import email as addresses
from intouch.web import forms
from intouch.web.pages import page, runtime_of, see, today

_FIELDS = ("email", "postcode", "ward", "board", "consent")


async def form(request: Request) -> Response:
    """The empty form."""
    return await _form(request, dict.fromkeys(_FIELDS, ""), {})


async def sent(request: Request) -> Response:
    """Check your email: the same page for an address that is new and for one that is known."""
    return page(request, "join_sent")


async def join(request: Request) -> Response:
    """Signs up, or shows the form again with what is missing."""
    runtime = runtime_of(request)
    address = request.client.host if request.client else ""
    if not request.app.state.brake.allows(address, now=runtime.now()):
        raise HTTPException(429, headers={"Retry-After": "600"})
    posted = await forms.read(request)
    values = {name: posted.text(name) for name in _FIELDS}
    errors = await _mistakes(request, values)
    if not errors:
        try:
            await _join(request, values)
        except InTouchError as error:
            errors["email"] = str(error)
    return await _form(request, values, errors) if errors else see(request, "/join/check-your-email")


async def _join(request: Request, values: dict[str, str]) -> None:
    runtime = runtime_of(request)
    async with runtime.sessions.write() as session:
        await joining.join_by_email(
            session,
            email=values["email"],
            postcode=values["postcode"],
            ward_code=values["ward"],
            wants_board=bool(values["board"]),
            links=runtime.links,
            now=runtime.now(),
        )


async def _mistakes(request: Request, values: dict[str, str]) -> dict[str, str]:
    errors = {}
    try:
        addresses.normalise(values["email"])
    except InTouchError as error:
        errors["email"] = str(error) if values["email"] else "Enter your email address."
    if values["postcode"]:
        runtime = runtime_of(request)
        async with runtime.sessions.read() as session:
            try:
                await lookup.ward_by_postcode(session, values["postcode"], on=today(request), council=runtime.settings.council_name)
            except InTouchError as error:
                errors["postcode"] = str(error)
    elif values["ward"] not in {ward.code for ward in await _wards(request)}:
        errors["postcode"] = "Enter your postcode, or choose your ward below it."
    if not values["consent"]:
        errors["consent"] = "Tick the box to say that you agree. We need this to write to you."
    return errors


async def _form(request: Request, values: dict[str, str], errors: dict[str, str]) -> Response:
    wards, consent = await _wards(request), consents.email_wording()
    return page(request, "join", status=400 if errors else 200, values=values, errors=errors, wards=wards, consent=consent)


async def _wards(request: Request) -> list[Ward]:
    runtime = runtime_of(request)
    async with runtime.sessions.read() as session:
        return await lookup.wards(session, on=today(request))
