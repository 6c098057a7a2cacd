"""Deliveries in the chat, for officers: what nobody knows the end of, late editions, and what is paused or held."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from intouch.bot.turn import Reply, Turn, old_button
from intouch.council.models import Officer
from intouch.digest import approving
from intouch.digest.batches import batch_of
from intouch.digest.models import Audience
from intouch.errors import Closed, NotAllowed
from intouch.outbox import holds, listing, retrying
from intouch.outbox.listing import Wanted
from intouch.outbox.models import Stand, State
from intouch.surveys import listing as surveys

_MOST = 5  # of each, in one message; the command line has them all
_ALONE = "-"  # in a button, for the messages that belong to no batch


def _officer(turn: Turn) -> Officer:
    if turn.officer is None:
        raise NotAllowed("This is for the council's officers.")
    return turn.officer


async def deliveries(turn: Turn, *, cancelled: str = "") -> Reply:
    """/deliveries: what waits for an officer's decision, with a button for each; first, what was ``cancelled`` just now."""
    _officer(turn)
    session = turn.session
    unknown = await listing.unknown_by_batch(session)
    late = await approving.waiting(session)
    orders = [order.batch for order in await holds.standing(session) if order.stand is Stand.PAUSED]
    names = await _names(session, [*orders, *(batch for batch, _ in unknown)])
    return turn.say(
        "officers/deliveries",
        edits=True,
        cancelled=cancelled,
        unknown=[(batch or _ALONE, names.get(batch, batch), number) for batch, number in unknown[:_MOST] if _fits(batch)],
        weeks=[(*week, number) for week, number in Counter((one.audience, one.period) for one in late).items() if number > 1][:_MOST],
        late=late[:_MOST],
        paused=[(batch, names.get(batch, batch)) for batch in orders[:_MOST] if _fits(batch)],
        number_paused=len(orders),
        held_at=await holds.held_since(session),
        held=(await listing.count(session, Wanted(states=[State.HELD]))).get(State.HELD, 0),
        more=max(len(unknown), len(late), len(orders)) > _MOST or not all(_fits(batch) for batch in (*orders, *dict(unknown))),
    )


async def _names(session: AsyncSession, batches: Sequence[str]) -> dict[str, str]:
    """Editions and surveys among these batches, as people call them: ``survey 3, Bin days``."""
    numbers = {batch: int(batch[7:]) for batch in batches if batch.startswith("survey:") and batch[7:].isdecimal()}
    titles = await surveys.titles(session, set(numbers.values()))
    named = {batch: f"survey {number}, {titles[number]}" for batch, number in numbers.items() if number in titles}
    return named | await approving.names(session, batches)


async def tap(turn: Turn) -> Reply:
    """``deliveries:again:BATCH``, ``deliveries:be:BATCH``, ``deliveries:resume:BATCH``, ``deliveries:publish:EDITION``, …"""
    _officer(turn)
    act = _ACTS.get(turn.word(0))
    if act is None:
        raise old_button()
    return await deliveries(turn, cancelled=await act(turn) or "")


def _batch(turn: Turn) -> Sequence[str]:
    """The batch behind the verb, which may have colons of its own."""
    name = ":".join(turn.data[1:])
    if not name:
        raise old_button()
    return [listing.NO_BATCH if name == _ALONE else name]


async def _again(turn: Turn) -> None:
    done = await retrying.retry(turn.session, Wanted(batches=_batch(turn), states=[State.UNKNOWN]), now=turn.now)
    if done.cancelled:
        raise Closed("That was cancelled, and what is cancelled stays so. You can let it be.")


async def _let_be(turn: Turn) -> None:
    wanted = Wanted(batches=_batch(turn), states=[State.UNKNOWN])
    await retrying.let_be(turn.session, wanted, by=f"officer {_officer(turn).id}", now=turn.now)


async def _resume(turn: Turn) -> None:
    await holds.resume(turn.session, _batch(turn))


async def _resume_all(turn: Turn) -> None:
    paused = [order.batch for order in await holds.standing(turn.session) if order.stand is Stand.PAUSED]
    await holds.resume(turn.session, paused)


async def _publish(turn: Turn) -> None:
    await approving.approve(turn.session, turn.number(1))


async def _publish_week(turn: Turn) -> None:
    if turn.word(1) not in list(Audience):
        raise old_button()
    await approving.approve_week(turn.session, Audience(turn.word(1)), turn.word(2))


async def _cancel(turn: Turn) -> str | None:
    batch = [batch_of(turn.number(1))]
    name = (await approving.names(turn.session, batch)).get(batch[0])
    if name is None:
        raise old_button()
    if await approving.cancel(turn.session, batch):
        await holds.order(turn.session, batch, Stand.CANCELLED, by=f"officer {_officer(turn).id}", now=turn.now)
    elif not await approving.wards(turn.session, batch, approving.CANCELLED):
        raise Closed("That edition is out already. To stop what has not been sent yet: intouch digest cancel.")
    return name


async def _release(turn: Turn) -> None:
    await holds.approve(turn.session)


async def _look(_turn: Turn) -> None:
    """Only look again."""


_ACTS: Mapping[str, Callable[[Turn], Awaitable[str | None]]] = {
    "again": _again,
    "be": _let_be,
    "resume": _resume,
    "resume_all": _resume_all,
    "publish": _publish,
    "all": _publish_week,
    "cancel": _cancel,
    "release": _release,
    "look": _look,
}


def _fits(batch: str) -> bool:
    """Whether a button can name it: Telegram takes 64 bytes."""
    return len(f"deliveries:resume:{batch}".encode()) <= 64
