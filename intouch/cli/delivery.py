"""Delivery: who did not get it, sending again or letting be, and stopping what goes out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.cli.running import say_json, with_runtime
from intouch.digest import batches
from intouch.errors import BadInput
from intouch.outbox import epoch, holds, listing, retrying
from intouch.outbox.listing import Listed, Wanted
from intouch.outbox.models import Stand, State
from intouch.runtime import Runtime
from intouch.templating import plural

app = typer.Typer(no_args_is_help=True)

BY = "the command line"
EditionName = Annotated[str, typer.Option("--edition", help="An edition's number, its week, or week and ward: 2026-W47/Southwick.")]
BatchName = Annotated[str, typer.Option("--batch", help="A batch as `list --json` names it, such as survey:3.")]
States = Annotated[str, typer.Option("--state", help="States, separated by commas: " + ", ".join(State) + ".")]
Numbers = Annotated[list[int] | None, typer.Argument(metavar="[NUMBER]…", help="Deliveries by their number.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="JSON, for a machine to read.")]
Everything = Annotated[bool, typer.Option("--all", help="Of every edition and batch.")]


@app.command("list", epilog="Example: intouch delivery list --edition 2026-W47/Southwick --state failed,unknown")
def show(
    edition: EditionName = "",
    batch: BatchName = "",
    state: States = "failed,unknown",
    most: Annotated[int, typer.Option(help="Show no more than this many.", min=1)] = 100,
    as_json: AsJson = False,
) -> None:
    """Who did not get it: deliveries with their address and the reason, failed and unknown ones unless --state says otherwise."""

    async def work(runtime: Runtime) -> tuple[list[Listed], int, str]:
        async with runtime.sessions.read() as session:
            wanted = Wanted(batches=await _batches(session, edition, batch), states=_states(state))
            found = [one async for one in listing.walk(session, wanted, most=most)]
            held_at = await epoch.held_since(session)
            return found, sum((await listing.count(session, wanted)).values()), runtime.templates.moment(held_at) if held_at else ""

    found, total, held_at = with_runtime(work)
    if held_at:
        typer.secho(epoch.sentence(held_at), fg=typer.colors.YELLOW, err=True)
    if as_json:
        say_json({"total": total, "deliveries": [asdict(one) for one in found]})
        return
    for one in found:
        typer.echo(f"{one.number:>8}  {one.state:<9}  {one.batch or '-':<14}  {one.address or '(erased)':<32}  {one.error or ''}".rstrip())
    shown = f", the first {len(found):,} shown (--most)" if total > len(found) else ""
    typer.echo(f"{_deliveries(total)} {state.replace(',', ' or ')}{shown}.")


@app.command("retry", epilog="Example: intouch delivery retry --edition 2026-W47 --state unknown")
def retry(
    numbers: Numbers = None,
    edition: EditionName = "",
    batch: BatchName = "",
    everything: Everything = False,
    state: States = "failed,unknown",
) -> None:
    """Send failed and unknown deliveries again. An email keeps its Message-ID; a Telegram message that did arrive comes twice."""

    async def work(session: AsyncSession, wanted: Wanted, runtime: Runtime) -> str:
        done = await retrying.retry(session, wanted, now=runtime.now())
        gone = f" {_deliveries(done.gone)} left as before: nobody is at the address any more." if done.gone else ""
        return f"{_deliveries(done.queued)} queued again.{gone}"

    _change(work, numbers=numbers, edition=edition, batch=batch, everything=everything, state=state)


@app.command("let-be", epilog="Example: intouch delivery let-be 4711 4712")
def let_be(numbers: Numbers = None, edition: EditionName = "", batch: BatchName = "", everything: Everything = False) -> None:
    """Take unknown deliveries as arrived: they are not sent again, and not listed any more."""

    async def work(session: AsyncSession, wanted: Wanted, runtime: Runtime) -> str:
        return f"{_deliveries(await retrying.let_be(session, wanted, by=BY, now=runtime.now()))} let be."

    _change(work, numbers=numbers, edition=edition, batch=batch, everything=everything, state="unknown")


@app.command("drop", epilog="Example: intouch delivery drop --edition 2026-W47 --state held")
def drop(
    numbers: Numbers = None,
    edition: EditionName = "",
    batch: BatchName = "",
    everything: Everything = False,
    state: States = "queued,paused,held",
) -> None:
    """Cancel deliveries that wait: queued, paused or held ones."""

    async def work(session: AsyncSession, wanted: Wanted, runtime: Runtime) -> str:
        return f"{_deliveries(await retrying.drop(session, wanted, by=BY, now=runtime.now()))} cancelled."

    _change(work, numbers=numbers, edition=edition, batch=batch, everything=everything, state=state)


@app.command("pause", epilog="Example: intouch delivery pause --edition 2026-W47/Southwick")
def pause(edition: EditionName = "", batch: BatchName = "") -> None:
    """Stop sending an edition or a batch, within two seconds on all processes, until it is resumed."""
    typer.echo(with_runtime(lambda runtime: stop(runtime, _named(edition, batch), Stand.PAUSED)))


@app.command("resume", epilog="Example: intouch delivery resume --edition 2026-W47/Southwick")
def resume(edition: EditionName = "", batch: BatchName = "") -> None:
    """Go on sending what was paused."""
    typer.echo(with_runtime(lambda runtime: go_on(runtime, _named(edition, batch))))


@app.command("cancel", epilog="Example: intouch delivery cancel --edition 2026-W47/Southwick")
def cancel(edition: EditionName = "", batch: BatchName = "") -> None:
    """Stop sending an edition or a batch for good; what has gone out has gone out."""
    typer.echo(with_runtime(lambda runtime: stop(runtime, _named(edition, batch), Stand.CANCELLED)))


@app.command("approve", epilog="Example: intouch delivery approve")
def approve(edition: EditionName = "", batch: BatchName = "") -> None:
    """Let out what is held since a restore from a backup: all of it, or one edition or batch."""

    async def work(runtime: Runtime) -> int:
        async with runtime.sessions.write() as session:
            return await holds.approve(session, await _batches(session, edition, batch))

    typer.echo(f"{_deliveries(with_runtime(work))} may go out.")


@app.command("hold", epilog="Example: intouch delivery hold")
def hold() -> None:
    """Hold everything that waits, and all bulk made from now on, until `approve`: before the first start on a restored database."""

    async def work(runtime: Runtime) -> int:
        async with runtime.sessions.write() as session:
            return await holds.hold_all(session, by=BY, now=runtime.now())

    typer.echo(f"{_deliveries(with_runtime(work))} held. `intouch delivery approve` lets them go.")


Chosen = Callable[[AsyncSession], Awaitable[list[str]]]


async def stop(runtime: Runtime, chosen: Chosen, stand: Stand) -> str:
    """Pause or cancel: the order in a transaction of its own, so that it bites at once, then the deliveries in pieces."""
    now, moved = runtime.now(), 0
    async with runtime.sessions.write() as session:
        names = await chosen(session)
        await holds.order(session, names, stand, by=BY, now=now)
    while True:
        async with runtime.sessions.write() as session:
            some = await holds.move(session, names, stand, by=BY, now=now)
        if not some:
            return f"{_deliveries(moved)} {stand.value}."
        moved += some


async def go_on(runtime: Runtime, chosen: Chosen) -> str:
    """Resume; what it kept is queued in one transaction with taking back the order."""
    async with runtime.sessions.write() as session:
        return f"{_deliveries(await holds.resume(session, await chosen(session)))} resumed."


def _named(edition: str, batch: str) -> Chosen:
    async def chosen(session: AsyncSession) -> list[str]:
        found = await _batches(session, edition, batch)
        if found is None:
            raise BadInput("Say which: --edition 2026-W47/Southwick, or --batch survey:3.")
        return found

    return chosen


async def _batches(session: AsyncSession, edition: str, batch: str) -> list[str] | None:
    if edition and batch:
        raise BadInput("Name an --edition or a --batch, not both.")
    return await batches.named(session, edition) if edition else [batch] if batch else None


def _states(text: str) -> list[State]:
    try:
        return [State(word.strip().lower()) for word in text.split(",") if word.strip()]
    except ValueError:
        raise BadInput(f"“{text[:60]}” is not a list of states. They are {', '.join(State)}.") from None


def _change(
    work: Callable[[AsyncSession, Wanted, Runtime], Awaitable[str]],
    *,
    numbers: Sequence[int] | None,
    edition: str,
    batch: str,
    everything: bool,
    state: str,
) -> None:
    async def run(runtime: Runtime) -> Any:
        if not (numbers or edition or batch or everything):
            raise BadInput("Say which deliveries: by number, --edition, --batch, or --all.")
        async with runtime.sessions.write() as session:
            wanted = Wanted(numbers=numbers or None, batches=await _batches(session, edition, batch), states=_states(state))
            return await work(session, wanted, runtime)

    typer.echo(with_runtime(run))


def _deliveries(number: int) -> str:
    return plural(number, "delivery", "deliveries")
