"""Delivery: who did not get it, sending again or letting be, and stopping what goes out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated

import typer
from sqlalchemy.ext.asyncio import AsyncSession

from intouch.bounces import reviving
from intouch.cli import saying, stopping
from intouch.cli.running import with_runtime
from intouch.cli.saying import AsJson, Done, Yes, say, say_json
from intouch.cli.stopping import BY, Chosen, deliveries
from intouch.digest import approving, batches
from intouch.errors import BadInput, NotFound
from intouch.outbox import epoch, holds, listing, retrying
from intouch.outbox.listing import Listed, Wanted
from intouch.outbox.models import WAITING, Stand, State
from intouch.runtime import Runtime

app = typer.Typer(no_args_is_help=True)

EditionName = Annotated[str, typer.Option("--edition", help="An edition's number, its week, or week and ward: 2026-W47/Southwick.")]
BatchName = Annotated[str, typer.Option("--batch", help="A batch as `list --json` names it, such as survey:3.")]
States = Annotated[str, typer.Option("--state", help="States, separated by commas: " + ", ".join(State) + ".")]
Numbers = Annotated[list[str] | None, typer.Argument(metavar="[NUMBER]…", help="Deliveries by their number.", show_default=False)]
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

    async def work(runtime: Runtime) -> tuple[list[Listed], int, str, dict[str, str]]:
        async with runtime.sessions.read() as session:
            wanted = Wanted(batches=await _batches(session, edition, batch), states=_states(state))
            found = [one async for one in listing.walk(session, wanted, most=most)]
            held_at = await holds.held_since(session)
            told = saying.moment(held_at, runtime.settings.zone) if held_at else ""
            names = await approving.names(session, sorted({one.batch for one in found if one.batch}))
            return found, sum((await listing.count(session, wanted)).values()), told, names

    found, total, held_at, names = with_runtime(work)
    if held_at:
        say(epoch.sentence(held_at), is_error=True, color=typer.colors.YELLOW)
    if as_json:
        say_json({"total": total, "deliveries": [asdict(one) for one in found]})
        return
    of = [names.get(one.batch or "", one.batch or "-") for one in found]
    width = max([14, *map(len, of)])
    for one, name in zip(found, of, strict=True):
        why = " ".join((one.error or "").split())
        say(f"{one.number:>8}  {one.state:<9}  {name:<{width}}  {one.address or '(erased)':<32}  {why}".rstrip())
    shown = f", the first {len(found):,} shown (--most)" if total > len(found) else ""
    say(f"{deliveries(total)} {' or '.join(_states(state))}{shown}.")


@app.command("retry", epilog="Example: intouch delivery retry --edition 2026-W47 --state unknown")
def retry(  # noqa: PLR0917 - typer's options are no positional arguments
    numbers: Numbers = None,
    edition: EditionName = "",
    batch: BatchName = "",
    everything: Everything = False,
    state: States = "failed,unknown",
    as_json: AsJson = False,
) -> None:
    """Send failed and unknown deliveries again. An email keeps its Message-ID; a Telegram message that did arrive comes twice."""

    async def work(session: AsyncSession, wanted: Wanted, runtime: Runtime) -> Done:
        _only(wanted, retrying.OPEN_ENDS, "sent again")
        done = await retrying.retry(session, wanted, now=runtime.now())
        waits = "of these waits: it is" if done.waiting == 1 else "of these wait: they are"
        left = f" {deliveries(done.waiting)} {waits} paused or held." if done.waiting else ""
        left += f" {deliveries(done.gone)} left as before: nobody is at the address any more." if done.gone else ""
        left += f" {deliveries(done.cancelled)} left as before: what is cancelled stays so." if done.cancelled else ""
        return Done(f"{deliveries(done.queued)} queued again.{left}", asdict(done))

    _change(work, _Named(numbers, edition, batch, everything, state)).tell(as_json=as_json)


@app.command("let-be", epilog="Example: intouch delivery let-be 4711 4712")
def let_be(
    numbers: Numbers = None, edition: EditionName = "", batch: BatchName = "", everything: Everything = False, as_json: AsJson = False
) -> None:
    """Take unknown deliveries as arrived: they are not sent again, and not listed any more."""

    async def work(session: AsyncSession, wanted: Wanted, runtime: Runtime) -> Done:
        number = await retrying.let_be(session, wanted, by=BY, now=runtime.now())
        return Done(f"{deliveries(number)} let be.", {"let_be": number})

    _change(work, _Named(numbers, edition, batch, everything, "unknown")).tell(as_json=as_json)


@app.command("drop", epilog="Example: intouch delivery drop --edition 2026-W47 --state held")
def drop(  # noqa: PLR0917 - typer's options are no positional arguments
    numbers: Numbers = None,
    edition: EditionName = "",
    batch: BatchName = "",
    everything: Everything = False,
    state: States = "queued,paused,held",
    as_json: AsJson = False,
) -> None:
    """Cancel deliveries that wait: queued, paused or held ones."""

    async def work(session: AsyncSession, wanted: Wanted, runtime: Runtime) -> Done:
        _only(wanted, WAITING, "dropped")
        number = await retrying.drop(session, wanted, by=BY, now=runtime.now())
        return Done(f"{deliveries(number)} cancelled.", {"cancelled": number})

    _change(work, _Named(numbers, edition, batch, everything, state)).tell(as_json=as_json)


@app.command("pause", epilog="Example: intouch delivery pause --edition 2026-W47/Southwick")
def pause(edition: EditionName = "", batch: BatchName = "", as_json: AsJson = False) -> None:
    """Stop sending an edition or a batch, within two seconds on all processes, until it is resumed."""
    with_runtime(lambda runtime: stopping.stop(runtime, _named(edition, batch), Stand.PAUSED)).tell(as_json=as_json)


@app.command("resume", epilog="Example: intouch delivery resume --edition 2026-W47/Southwick")
def resume(edition: EditionName = "", batch: BatchName = "", as_json: AsJson = False) -> None:
    """Go on sending what was paused."""
    with_runtime(lambda runtime: stopping.go_on(runtime, _named(edition, batch))).tell(as_json=as_json)


@app.command("cancel", epilog="Example: intouch delivery cancel --edition 2026-W47/Southwick")
def cancel(edition: EditionName = "", batch: BatchName = "", yes: Yes = False, as_json: AsJson = False) -> None:
    """Stop sending an edition or a batch for good; what has gone out has gone out."""
    stopping.cancel_for_good(lambda _runtime: _named(edition, batch), is_sure=yes).tell(as_json=as_json)


@app.command("approve", epilog="Example: intouch delivery approve")
def approve(edition: EditionName = "", batch: BatchName = "", as_json: AsJson = False) -> None:
    """Let out what is held since a restore from a backup: all of it, or one edition or batch."""

    async def work(runtime: Runtime) -> Done:
        async with runtime.sessions.write() as session:
            chosen = await _batches(session, edition, batch)
            number = await holds.approve(session, chosen)
            late = await stopping.Late.of(session, chosen or [])
        return Done(f"{deliveries(number)} may go out.{late.left_behind()}", {"approved": number})

    with_runtime(work).tell(as_json=as_json)


@app.command("hold", epilog="Example: intouch delivery hold")
def hold(as_json: AsJson = False) -> None:
    """Hold everything that waits, and all bulk made from now on, until `approve`: before the first start on a restored database."""
    with_runtime(stopping.hold_back).tell(as_json=as_json)


@app.command("revive", epilog="Example: intouch delivery revive grace.hall@council.example")
def revive(
    address: Annotated[str, typer.Argument(help="A councillor's or an officer's email address.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Write again to the address of a councillor or an officer that was given up, once its mailbox works again."""

    async def work(runtime: Runtime) -> Done:
        async with runtime.sessions.write() as session:
            revived = await reviving.revive(session, address)
        return Done(
            f"Emails to {revived} go out again. What failed before can be sent with `intouch delivery retry`.", {"address": revived}
        )

    with_runtime(work).tell(as_json=as_json)


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
    if edition.isdecimal():
        edition = str(saying.number(edition, "an edition", "Write its week, or week and ward: 2026-W47/Southwick."))
    if batch and not await listing.has_batch(session, batch):
        raise NotFound(f"There is no batch “{batch[:40]}”. `intouch delivery list --json` names the batches, such as survey:3.")
    return await batches.named(session, edition) if edition else [batch] if batch else None


def _states(text: str) -> list[State]:
    try:
        return [State(word.strip().lower()) for word in text.split(",")]
    except ValueError:
        raise BadInput(f"“{text[:60]}” is not a list of states. They are {', '.join(State)}.") from None


def _only(wanted: Wanted, possible: Sequence[State], done: str) -> None:
    for state in wanted.states or ():
        if state not in possible:
            raise BadInput(f"What is {state} can't be {done}; only what is {' or '.join(possible)} can.")


@dataclass(frozen=True)
class _Named:
    """Which deliveries somebody named on the command line."""

    numbers: Sequence[str] | None
    edition: str
    batch: str
    everything: bool
    state: str


def _change(work: Callable[[AsyncSession, Wanted, Runtime], Awaitable[Done]], named: _Named) -> Done:
    numbers = [saying.number(one, "a delivery", "`intouch delivery list` shows them.") for one in named.numbers or []]

    async def run(runtime: Runtime) -> Done:
        if not (numbers or named.edition or named.batch or named.everything):
            raise BadInput("Say which deliveries: by number, --edition, --batch, or --all.")
        async with runtime.sessions.write() as session:
            chosen = await _batches(session, named.edition, named.batch)
            left = await _left(session, numbers, _states(named.state))
            done = await work(session, Wanted(numbers=numbers or None, batches=chosen, states=_states(named.state)), runtime)
        return Done(f"{done.sentence}{left}", done.figures)

    return with_runtime(run)


async def _left(session: AsyncSession, numbers: Sequence[int], states: Sequence[State]) -> str:
    """What to add about deliveries that were named by number and stand otherwise than they would have to."""
    if not numbers:
        return ""
    stands = {one.number: one.state async for one in listing.walk(session, Wanted(numbers=numbers))}
    if missing := [str(number) for number in numbers if number not in stands]:
        raise NotFound(f"There is no delivery {', '.join(missing[:5])}. `intouch delivery list` shows them.")
    others = sorted(state for state in stands.values() if state not in states)
    return (
        f" {deliveries(len(others))} left as {'it is' if len(others) == 1 else 'they are'}: {', '.join(dict.fromkeys(others))}."
        if others
        else ""
    )
