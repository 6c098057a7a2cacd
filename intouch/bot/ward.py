"""Ward: /digest, /ward and /brief; what is going on in my ward, and whether I want it by email."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from intouch.bot import questions
from intouch.bot.turn import Handler, Reply, Turn, old_button
from intouch.council import people, teams
from intouch.digest import briefing, contents
from intouch.digest.rendering import shown
from intouch.digest.scope import Scope
from intouch.issues import counts
from intouch.issues.models import IssueStatus
from intouch.places.models import Ward
from intouch.residents import email, network, subscriptions
from intouch.residents.models import Channel, Resident, Topic
from intouch.surveys import listing

_WEEK = timedelta(days=7)
_OPEN = (IssueStatus.REPORTED, IssueStatus.IN_PROGRESS)


async def digest(turn: Turn) -> Reply:
    """/digest: the last seven days in my ward as one message, with the weekly email one tap away."""
    resident = turn.known()
    ward = await _ward(turn, resident)
    if ward is None:
        return turn.say("ward/none")
    parts = _short(await contents.gather(turn.session, _this_week(turn, ward)))
    finished = await listing.finished_by(turn.session, resident.id)
    parts["asked"] = [survey for survey in parts["asked"] if survey["id"] not in finished]
    return turn.say("ward/digest", edits=True, **parts, ward=ward.name, **await _email(turn, resident))


async def ward(turn: Turn) -> Reply:
    """/ward: who speaks for my ward, who mends things in it, what is asked, and reports in numbers."""
    resident = turn.known()
    here = await _ward(turn, resident)
    if here is None:
        return turn.say("ward/none")
    counted = await counts.by_category_and_status(turn.session, here.id)
    size = network.shown(await network.size(turn.session, here.id), turn.runtime.settings.smallest_count)
    return turn.say(
        "ward/ward",
        edits=True,
        ward=here.name,
        councillors=[councillor.name for councillor in await people.councillors_of(turn.session, here.id)],
        team=await teams.team_for(turn.session, ward_id=here.id),
        surveys=[survey.title for survey in await listing.open_for(turn.session, resident, now=turn.now)],
        waiting=sum(count.number for count in counted if count.status in _OPEN),
        fixed=sum(count.number for count in counted if count.status is IssueStatus.FIXED),
        size=size,
    )


async def brief(turn: Turn) -> Reply:
    """/brief: this week's briefing of the ward of a linked councillor, in short."""
    councillor = turn.councillor
    assert councillor is not None  # the routes table has made sure
    here = await turn.session.get_one(Ward, councillor.ward_id)
    found = await briefing.gather(turn.session, _this_week(turn, here))
    return turn.say("ward/briefing" if found else "ward/quiet", **(shown(found) or {"ward": here.name}), name=councillor.name)


async def tap(turn: Turn) -> Reply:
    """A button of ``ward:…``."""
    handler = _TAPS.get(turn.word(0))
    if handler is None:
        raise old_button()
    return await handler(turn)


async def _subscribe(turn: Turn) -> Reply:
    resident = turn.known()
    if not await email.reaches(turn.session, resident):
        return await questions.ask_email(turn) if resident.email else turn.say("ward/no_email")
    await subscriptions.subscribe(turn.session, resident.id, topic=Topic.DIGEST, channel=Channel.EMAIL, now=turn.now)
    return await digest(turn)


async def _unsubscribe(turn: Turn) -> Reply:
    resident_id = turn.known().id
    await subscriptions.unsubscribe(
        turn.session, resident_id, topic=Topic.DIGEST, channel=Channel.EMAIL, reason="asked in the bot", now=turn.now
    )
    return await digest(turn)


async def _ward(turn: Turn, resident: Resident) -> Ward | None:
    return None if resident.ward_id is None else await turn.session.get(Ward, resident.ward_id)


async def _email(turn: Turn, resident: Resident) -> dict[str, Any]:
    is_subscribed = await subscriptions.has(turn.session, resident.id, topic=Topic.DIGEST, channel=Channel.EMAIL)
    is_reached = await email.reaches(turn.session, resident)
    return {"is_subscribed": is_subscribed and is_reached, "has_email": is_reached, "is_returned": bool(resident.email) and not is_reached}


def _this_week(turn: Turn, ward: Ward) -> Scope:
    return Scope.of(turn.runtime.settings, ward, since=turn.now - _WEEK, until=turn.now, now=turn.now)


def _short(found: dict[str, Any]) -> dict[str, Any]:
    """The digest's contents, or the same with nothing in it, as the message takes them."""
    reports = {"made": 0, "fixed": 0, "examples": []}
    nothing = {"asked": [], "said": [], "more_said": 0, "notices": [], "more_notices": 0, "reports": reports, "on": ""}
    parts: dict[str, Any] = shown({**nothing, **found})
    return {name: parts[name] for name in nothing}


_TAPS: Mapping[str, Handler] = {
    "subscribe": _subscribe,
    "unsubscribe": _unsubscribe,
    "digest": digest,
    "ward": ward,
}
