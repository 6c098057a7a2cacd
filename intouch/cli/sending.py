"""Sending: trying out an edition on yourself, and pausing, resuming or cancelling one while it goes out."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated

import typer
from sqlalchemy.ext.asyncio import AsyncSession

from intouch import schedule
from intouch.cli import stopping
from intouch.cli.digest import briefing_app, digest_app, letter_now
from intouch.cli.running import with_runtime
from intouch.cli.saying import AsJson, Done, Yes, fail
from intouch.cli.stopping import Chosen
from intouch.council import people
from intouch.digest import batches, editions
from intouch.digest.models import Audience
from intouch.errors import BadInput, NotFound
from intouch.outbox import enqueue, listing, progress, ready
from intouch.outbox.listing import Wanted
from intouch.outbox.models import Stand
from intouch.runtime import Runtime

Period = Annotated[str, typer.Option("--period", help="The ISO week, such as 2026-W47. Left out: the week that fell due last.")]
OneWard = Annotated[str, typer.Option("--ward", help="Only this ward, by its code or name.")]
Ward = Annotated[str, typer.Option("--ward", help="The ward's code or name.")]
To = Annotated[str, typer.Option("--to", help="The email address that gets it.")]

PATIENCE = 20.0  # seconds


def add(app: typer.Typer, audience: Audience) -> None:
    """Give the commands of an audience those of this file."""
    name = audience.value

    @app.command("test", epilog=f"Example: intouch {name} test --ward Southwick --to olive@council.example")
    def test(ward: Ward, to: To, as_json: AsJson = False) -> None:
        """Send what this week's edition of a ward would say now to one address, with [Test] in its subject; its links belong to nobody."""
        tell(with_runtime(lambda runtime: try_out(runtime, audience, ward, to)), as_json=as_json)

    @app.command("pause", epilog=f"Example: intouch {name} pause --period 2026-W47 --ward Southwick")
    def pause(period: Period = "", ward: OneWard = "", as_json: AsJson = False) -> None:
        """Stop sending, within two seconds on all processes, until it is resumed."""
        with_runtime(lambda runtime: stopping.stop(runtime, _of(runtime, audience, period, ward), Stand.PAUSED)).tell(as_json=as_json)

    @app.command("resume", epilog=f"Example: intouch {name} resume --period 2026-W47 --ward Southwick")
    def resume(period: Period = "", ward: OneWard = "", as_json: AsJson = False) -> None:
        """Go on sending what was paused."""
        with_runtime(lambda runtime: stopping.go_on(runtime, _of(runtime, audience, period, ward))).tell(as_json=as_json)

    @app.command("cancel", epilog=f"Example: intouch {name} cancel --period 2026-W47 --ward Southwick")
    def cancel(period: Period = "", ward: OneWard = "", yes: Yes = False, as_json: AsJson = False) -> None:
        """Stop sending for good, also what waits for approval; what has gone out has gone out."""
        stopping.cancel_for_good(lambda runtime: _of(runtime, audience, period, ward), is_sure=yes).tell(as_json=as_json)


add(digest_app, Audience.DIGEST)
add(briefing_app, Audience.BRIEFING)


def _of(runtime: Runtime, audience: Audience, period: str, ward: str) -> Chosen:
    async def chosen(session: AsyncSession) -> list[str]:
        now, when = runtime.now(), schedule.weekly(runtime.settings, audience)
        week = editions.chosen_period(period, when, now=now)
        ward_id = (await editions.chosen_ward(session, ward, now=now, when=when)).id if ward else None
        found = await batches.in_period(session, audience, week, ward_id=ward_id)
        if not found:
            raise NotFound(f"There is no {audience.value} of {week}{' for that ward' if ward else ''} yet.")
        return found

    return chosen


async def try_out(runtime: Runtime, audience: Audience, ward: str, to: str, *, patience: float = PATIENCE) -> Done:
    """Send what an edition would say now to one address, and look for ``patience`` seconds what comes of it."""
    letter, address = await letter_now(runtime, audience, ward), people.address(to)
    draft = ready.test_send(letter, address, now=runtime.now())
    async with runtime.sessions.write() as session:
        await enqueue.enqueue(session, draft)
    what = f"“[Test] {letter.subject}” to {address}"
    began = time.monotonic()
    while True:
        async with runtime.sessions.read() as session:
            found = await progress.measure(session, [draft.key])
            reasons = [one.error async for one in listing.walk(session, Wanted(batches=[draft.key])) if one.error]
        if found.is_over or time.monotonic() - began > patience:
            figures = {"to": address, "sent": bool(found.sent), "waiting": bool(found.kept or found.left)}
            return Done(f"{what} {_how(found, reasons[0] if reasons else '')}", figures)
        await asyncio.sleep(0.2)


def tell(done: Done, *, as_json: bool) -> None:
    """What came of a test send; one that was refused ends the command with 1."""
    is_refused = not done.figures["sent"] and not done.figures["waiting"]
    if as_json or not is_refused:
        done.tell(as_json=as_json)
    if is_refused:
        raise typer.Exit(1) if as_json else fail(BadInput(done.sentence))


def _how(found: progress.Progress, reason: str) -> str:
    if found.sent:
        return "is sent."
    if found.kept:
        return "is held: it goes out with `intouch delivery approve`."
    if found.left and reason:
        return f"is put off, and tried again by itself: {reason}"
    if found.left:
        return "waits in the outbox. Is a sender running (`intouch run`)?"
    return f"was not taken: {reason}"
