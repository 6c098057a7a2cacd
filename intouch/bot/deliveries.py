"""Deliveries in the chat, for officers: what nobody knows the end of, late editions, and what is paused or held."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from intouch.bot.turn import Reply, Turn, old_button
from intouch.council.models import Officer
from intouch.digest import approving
from intouch.errors import NotAllowed
from intouch.outbox import epoch, holds, listing, retrying
from intouch.outbox.listing import Wanted
from intouch.outbox.models import Stand, State

_MOST = 5  # of each, in one message; the command line has them all


def _officer(turn: Turn) -> Officer:
    if turn.officer is None:
        raise NotAllowed("This is for the council's officers.")
    return turn.officer


async def deliveries(turn: Turn) -> Reply:
    """/deliveries: what waits for an officer's decision, with a button for each."""
    _officer(turn)
    session = turn.session
    unknown = await listing.unknown_by_batch(session)
    late = await approving.waiting(session)
    orders = [order.batch for order in await holds.standing(session) if order.stand is Stand.PAUSED]
    names = await approving.names(session, [*orders, *(batch for batch, _ in unknown)])
    return turn.say(
        "officers/deliveries",
        edits=True,
        unknown=[(batch, names.get(batch, batch), number) for batch, number in unknown[:_MOST] if _fits(batch)],
        late=late[:_MOST],
        paused=[(batch, names.get(batch, batch)) for batch in orders[:_MOST] if _fits(batch)],
        held_at=await epoch.held_since(session),
        held=(await listing.count(session, Wanted(states=[State.HELD]))).get(State.HELD, 0),
        more=max(len(unknown), len(late), len(orders)) > _MOST,
    )


async def tap(turn: Turn) -> Reply:
    """``deliveries:again:BATCH``, ``deliveries:be:BATCH``, ``deliveries:resume:BATCH``, ``deliveries:publish:EDITION``, …"""
    _officer(turn)
    act = _ACTS.get(turn.word(0))
    if act is None:
        raise old_button()
    await act(turn)
    return await deliveries(turn)


def _batch(turn: Turn) -> Sequence[str]:
    """The batch behind the verb, which may have colons of its own."""
    name = ":".join(turn.data[1:])
    if not name:
        raise old_button()
    return [name]


async def _again(turn: Turn) -> None:
    await retrying.retry(turn.session, Wanted(batches=_batch(turn), states=[State.UNKNOWN]), now=turn.now)


async def _let_be(turn: Turn) -> None:
    wanted = Wanted(batches=_batch(turn), states=[State.UNKNOWN])
    await retrying.let_be(turn.session, wanted, by=f"officer {_officer(turn).id}", now=turn.now)


async def _resume(turn: Turn) -> None:
    await holds.resume(turn.session, _batch(turn))


async def _publish(turn: Turn) -> None:
    await approving.approve(turn.session, turn.number(1))


async def _leave_out(turn: Turn) -> None:
    await approving.leave_out(turn.session, turn.number(1))


async def _release(turn: Turn) -> None:
    await holds.approve(turn.session)


async def _look(_turn: Turn) -> None:
    """Only look again."""


_ACTS: Mapping[str, Callable[[Turn], Awaitable[None]]] = {
    "again": _again,
    "be": _let_be,
    "resume": _resume,
    "publish": _publish,
    "leave": _leave_out,
    "release": _release,
    "look": _look,
}


def _fits(batch: str) -> bool:
    """Whether a button can name it: Telegram takes 64 bytes, and a delivery of no batch has no name."""
    return bool(batch) and len(f"deliveries:resume:{batch}".encode()) <= 64
