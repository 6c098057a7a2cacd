"""Confirming: the page behind the link in "confirm your email"."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from intouch.privacy import merging
from intouch.residents import consents, email, finding, signup
from intouch.residents.models import Resident, ResidentStatus
from intouch.residents.signup import Step
from intouch.web.pages import page, runtime_of


def _read(request: Request) -> tuple[int, str]:
    runtime = runtime_of(request)
    resident_id, address = runtime.links.read("confirm", request.path_params["token"], now=runtime.now())
    return resident_id, address


async def show(request: Request) -> Response:
    """One button, so that a mail scanner that opens the link confirms nothing; none where the link was used before."""
    resident_id, address = _read(request)
    async with runtime_of(request).sessions.read() as session:
        resident = await finding.resident(session, resident_id)
        was_confirmed = await email.is_confirmed(session, resident, address)
    if was_confirmed:
        return _done(request, resident, was_confirmed=True)
    # Whoever signed up in Telegram agreed there.
    consent = consents.email_wording() if resident.telegram_id is None else ""
    return page(request, "confirm", address=address, consent=consent)


async def confirm(request: Request) -> Response:
    """The address is confirmed; doing it again changes nothing."""
    resident_id, address = _read(request)
    runtime = runtime_of(request)
    async with runtime.sessions.write() as session:
        asker = await finding.resident(session, resident_id)
        was_confirmed = await email.is_confirmed(session, asker, address)
        resident = await merging.confirm(session, resident_id=resident_id, address=address, now=runtime.now())
    return _done(request, resident, was_confirmed=was_confirmed)


def _done(request: Request, resident: Resident, *, was_confirmed: bool) -> Response:
    return page(
        request,
        "confirmed",
        was_confirmed=was_confirmed,
        is_stopped=resident.status is ResidentStatus.STOPPED,
        is_draft=resident.status is ResidentStatus.DRAFT,
        needs_ward=signup.next_step(resident) in (Step.WARD, Step.CONFIRM_WARD),
        is_on_telegram=resident.telegram_id is not None,
        preferences=f"/preferences/{runtime_of(request).links.token('preferences', resident.id)}",
    )
