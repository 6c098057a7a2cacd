"""Digest: looking at, publishing and following the weekly digest and the councillors' briefing."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import typer
from sqlalchemy.ext.asyncio import AsyncSession

from intouch import schedule
from intouch.cli import stopping, watching
from intouch.cli.running import with_runtime
from intouch.cli.saying import AsJson, Done, fail, moment, say, say_json
from intouch.digest import approving, batches, briefing, contents, editions, figures, periods
from intouch.digest.models import Audience
from intouch.digest.rendering import NOBODY, BriefingPress, DigestPress
from intouch.digest.scope import Scope
from intouch.errors import BadInput
from intouch.letters import Letter, Letters
from intouch.outbox import epoch, holds
from intouch.outbox.models import Stand
from intouch.runtime import Runtime
from intouch.templating import plural

digest_app = typer.Typer(no_args_is_help=True, help="The residents' weekly digest.")
briefing_app = typer.Typer(no_args_is_help=True, help="The councillors' weekly briefing.")

_WARD = typer.Option(..., help="The ward's code or name.")
_OUT = typer.Option(..., help="The HTML file to write; the plain text goes beside it with .txt.")
_PERIOD = typer.Option("", help="The ISO week, such as 2026-W47. Left out: the week that fell due last.")
_ONE_WARD = typer.Option("", help="Only this ward, by its code or name.")
_WATCH = typer.Option(
    None,
    "--watch/--no-watch",
    help="Show a bar while it goes out, or with --json a line at each look. Left out: a bar on a terminal.",
    show_default=False,
)
_FOLLOW = typer.Option(False, "--watch", help="Follow the latest week with a bar, or with --json a line at each look.")


@digest_app.command("preview")
def preview_digest(ward: str = _WARD, out: Path = _OUT, as_json: AsJson = False) -> None:
    """Write what this week's digest of a ward would say now; nothing is sent, and its links belong to nobody.

    Example: intouch digest preview --ward Southwick --out southwick.html
    """
    _preview(Audience.DIGEST, ward, out, as_json)


@briefing_app.command("preview")
def preview_briefing(ward: str = _WARD, out: Path = _OUT, as_json: AsJson = False) -> None:
    """Write what this week's briefing of a ward would say now; nothing is sent.

    Example: intouch briefing preview --ward E05016391 --out southwick.html
    """
    _preview(Audience.BRIEFING, ward, out, as_json)


@digest_app.command("publish")
def publish_digest(period: str = _PERIOD, ward: str = _ONE_WARD, watch: bool | None = _WATCH, as_json: AsJson = False) -> None:
    """Publish the digests that are missing or waiting for you; safe to run again.

    On a terminal it shows a bar until they are out; Ctrl-C ends the looking, not the sending.

    Example: intouch digest publish --period 2026-W47
    """
    _publish(Audience.DIGEST, period, ward, watch, as_json)


@briefing_app.command("publish")
def publish_briefing(period: str = _PERIOD, ward: str = _ONE_WARD, watch: bool | None = _WATCH, as_json: AsJson = False) -> None:
    """Publish the briefings that are missing or waiting for you; safe to run again.

    On a terminal it shows a bar until they are out; Ctrl-C ends the looking, not the sending.

    Example: intouch briefing publish --period 2026-W47
    """
    _publish(Audience.BRIEFING, period, ward, watch, as_json)


@digest_app.command("status")
def digest_status(as_json: AsJson = False, watch: bool = _FOLLOW) -> None:
    """Show the latest weeks: editions by status, deliveries by state; with --watch, the latest week as it goes out.

    Example: intouch digest status --watch
    """
    _status(Audience.DIGEST, as_json, watch)


@briefing_app.command("status")
def briefing_status(as_json: AsJson = False, watch: bool = _FOLLOW) -> None:
    """Show the latest weeks: editions by status, deliveries by state; with --watch, the latest week as it goes out.

    Example: intouch briefing status --watch
    """
    _status(Audience.BRIEFING, as_json, watch)


def _preview(audience: Audience, ward: str, out: Path, as_json: bool) -> None:
    if out.suffix == ".txt":
        raise fail(BadInput("Name the HTML file in --out; the plain text is written beside it with .txt."))
    letter = with_runtime(lambda runtime: letter_now(runtime, audience, ward))
    try:
        out.write_text(letter.html, encoding="utf-8")
        out.with_suffix(".txt").write_text(letter.text, encoding="utf-8")
    except OSError as error:
        raise fail(BadInput(f"{out} can't be written: {error.strerror}.")) from None
    figures = {"subject": letter.subject, "html": out, "text": out.with_suffix(".txt")}
    Done(f"“{letter.subject}” is in {out} and {out.with_suffix('.txt')}.", figures).tell(as_json=as_json)


async def letter_now(runtime: Runtime, audience: Audience, ward: str) -> Letter:
    """What this week's edition of a ward would say now, to nobody."""
    now, when = runtime.now(), schedule.weekly(runtime.settings, audience)
    letters = Letters(runtime.templates)
    async with runtime.sessions.read() as session:
        chosen = await editions.chosen_ward(session, ward, now=now, when=when)
        scope = Scope.of(runtime.settings, chosen, since=now - timedelta(days=7), until=now, now=now)
        gather = contents.gather if audience is Audience.DIGEST else briefing.gather
        found = await gather(session, scope)
    if not found:
        raise BadInput(f"There is nothing to say about {chosen.name} this week, so no email would go out.")
    if audience is Audience.BRIEFING:
        return BriefingPress(letters, runtime.templates).letter(found, name="councillor")
    press = DigestPress(letters, runtime.links)
    return press.letter(press.stencil(found), resident_id=NOBODY, name="")


def _publish(audience: Audience, period: str, ward: str, watch: bool | None, as_json: bool) -> None:
    done = with_runtime(lambda runtime: _publish_now(runtime, audience, period, ward))
    if as_json:
        say_json(asdict(done), in_one_line=bool(watch))
    else:
        say(done.sentence())
    if watch if watch is not None else done.queued and sys.stdout.isatty() and not as_json:
        with_runtime(lambda runtime: _watch(runtime, audience, done.period, ward, as_json=as_json))


@dataclass(frozen=True)
class _Published:
    """What publishing put into the outbox, and the editions of which it did not, or which do not go on from there."""

    period: str
    queued: int
    waiting: int
    cancelled: int
    paused: int
    moved: int
    held: bool

    def sentence(self) -> str:
        told = [f"{self.period}: {plural(self.queued, 'email or message', 'emails and messages')} put into the outbox."]
        if self.waiting:
            told.append(f"{plural(self.waiting, 'edition is', 'editions are')} still waiting.")
        if self.cancelled:
            told.append(stopping.cancelled_stays(self.cancelled))
        if self.moved:
            which = plural(self.moved, "edition is of a ward", "editions are of wards")
            told.append(f"{which} in which nobody lives any more; those of the new wards tell of the week too.")
        if self.paused:
            told.append(
                plural(
                    self.paused, "edition is paused, and waits until you resume it.", "editions are paused, and wait until you resume them."
                )
            )
        if self.queued and self.held:
            told.append("Nothing of that goes out until `intouch delivery approve`: all is held since a restore from a backup.")
        return " ".join(told)


async def _publish_now(runtime: Runtime, audience: Audience, period: str, ward: str) -> _Published:
    now, when = runtime.now(), schedule.weekly(runtime.settings, audience)
    chosen = editions.chosen_period(period, when, now=now)
    async with runtime.sessions.read() as session:
        ward_id = await _ward_id(runtime, session, audience, ward)
        due = await editions.unpublished(session, audience, when, period=chosen, ward_id=ward_id)
    made = await schedule.publish(runtime, due, now=now, even_late=True)
    async with runtime.sessions.read() as session:
        waiting = await figures.waiting(session, audience, chosen)
        theirs = await batches.in_period(session, audience, chosen, ward_id=ward_id)
        stands = Counter(order.stand for order in await holds.standing(session) if order.batch in theirs)
        cancelled = await approving.wards(session, theirs, approving.CANCELLED)
        moved = sum(one.has_ended(now) and one.ward.name in cancelled for one in due)
        is_held = await holds.held_since(session) is not None
    return _Published(chosen, made, waiting, cancelled=stands[Stand.CANCELLED], paused=stands[Stand.PAUSED], moved=moved, held=is_held)


async def _watch(runtime: Runtime, audience: Audience, period: str, ward: str = "", *, as_json: bool) -> None:
    async with runtime.sessions.read() as session:
        ward_id = await _ward_id(runtime, session, audience, ward)

    async def chosen(session: AsyncSession) -> list[str]:
        return await batches.in_period(session, audience, period, ward_id=ward_id)

    if as_json:
        await watching.watch_as_json(runtime, chosen, period=period)
    else:
        await watching.watch(runtime, chosen, title=f"{audience.value} {period}")


async def _watch_latest(runtime: Runtime, audience: Audience) -> None:
    async with runtime.sessions.read() as session:
        latest = await figures.latest(session, audience)
    due = periods.last_due(schedule.weekly(runtime.settings, audience), runtime.now())
    await _watch(runtime, audience, latest or due, as_json=True)


async def _ward_id(runtime: Runtime, session: AsyncSession, audience: Audience, ward: str) -> int | None:
    when = schedule.weekly(runtime.settings, audience)
    return (await editions.chosen_ward(session, ward, now=runtime.now(), when=when)).id if ward else None


@dataclass(frozen=True)
class _Status:
    """How the latest weeks stand, which is next, and since when all bulk is held, if it is."""

    weeks: list[figures.PeriodFigures]
    next_period: str
    next_due_at: datetime
    held_at: datetime | None
    zone: ZoneInfo


def _status(audience: Audience, as_json: bool, watch: bool) -> None:
    if watch and as_json:
        with_runtime(lambda runtime: _watch_latest(runtime, audience))
        return
    found = with_runtime(lambda runtime: _figures(runtime, audience))
    if found.held_at:
        say(epoch.sentence(moment(found.held_at, found.zone)), is_error=True, color=typer.colors.YELLOW)
    if as_json:
        weeks = [asdict(one) for one in found.weeks]
        say_json({"next_period": found.next_period, "next_due_at": found.next_due_at, "held_at": found.held_at, "periods": weeks})
        return
    for one in found.weeks:
        say(f"{one.period}  editions: {_counted(one.editions)}  deliveries: {_counted(one.deliveries)}")
    say(f"Next due: {found.next_period}, {moment(found.next_due_at, found.zone)}")
    if watch and found.weeks:
        with_runtime(lambda runtime: _watch(runtime, audience, found.weeks[0].period, as_json=False))


async def _figures(runtime: Runtime, audience: Audience) -> _Status:
    when, now = schedule.weekly(runtime.settings, audience), runtime.now()
    async with runtime.sessions.read() as session:
        found = await figures.by_period(session, audience)
        held_at = await holds.held_since(session)
    following = periods.next_period(periods.last_due(when, now))
    return _Status(found, following, periods.due_at(following, when), held_at, runtime.settings.zone)


def _counted(numbers: Mapping[str, Any]) -> str:
    return ", ".join(f"{number:,} {name}" for name, number in sorted(numbers.items())) or "none"
