"""My reports: what became of what a resident reported."""

from __future__ import annotations

from intouch.bot.turn import Reply, Turn, old_button
from intouch.issues import categories, following, reporting

_A_PAGE = 8


async def show(turn: Turn, *, offset: int = 0) -> Reply:
    """A page of the resident's reports, newest first, and the one that they are still writing."""
    resident_id = turn.known().id
    found = await following.reports_of(turn.session, resident_id, limit=_A_PAGE + 1, offset=offset)
    names = categories.load(turn.runtime.settings.categories_file)
    draft = await reporting.draft_of(turn.session, resident_id)
    return turn.say(
        "reports/mine",
        edits=True,
        lines=[(one, names.name(one.category)) for one in found[:_A_PAGE]],
        draft=draft if draft is not None and not reporting.is_empty(draft) else None,
        older=offset + _A_PAGE if len(found) > _A_PAGE else 0,
        newer=max(0, offset - _A_PAGE) if offset else None,
    )


async def tap_older(turn: Turn) -> Reply:
    """``report:mine:8``: the page that begins there."""
    return await show(turn, offset=turn.number(1))


async def tap_see(turn: Turn) -> Reply:
    """``report:see:12``: one report, with all that was done about it."""
    history = await following.own_history(turn.session, report_id(turn), resident_id=turn.known().id)
    category = categories.load(turn.runtime.settings.categories_file).name(history.report.category)
    return turn.say("reports/history", edits=True, history=history, category=category)


def report_id(turn: Turn) -> int:
    """The report that a tapped button names."""
    number = turn.number(1)
    if number == 0:
        raise old_button()
    return number
