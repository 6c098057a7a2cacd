"""Ward lists: other ways than typing to say where one lives, by sharing the place or choosing from areas and wards."""

from __future__ import annotations

from intouch.bot import questions
from intouch.bot.turn import Reply, Turn, old_button
from intouch.places import lookup
from intouch.residents.signup import Step


async def back(turn: Turn) -> Reply:
    """The question where they live, again."""
    return await questions.question(turn, Step.WARD, edits=True)


async def locate(turn: Turn) -> Reply:
    """The big button that shares where the phone is."""
    return turn.say("signup/ask_location")


async def areas(turn: Turn) -> Reply:
    """The areas, and the wards that are in none; straight to the wards where there are no areas."""
    found = await lookup.areas(turn.session, on=questions.today(turn))
    if not found:
        return await wards(turn, None)
    alone = [ward for ward in await lookup.wards(turn.session, on=questions.today(turn)) if ward.area_id is None]
    return turn.say("signup/choose_area", edits=True, areas=found, wards=alone)


async def of_area(turn: Turn) -> Reply:
    """The wards of the area that was tapped."""
    return await wards(turn, turn.number(1))


async def wards(turn: Turn, area_id: int | None) -> Reply:
    """The wards of an area; of none: all there are."""
    found = await lookup.wards(turn.session, on=questions.today(turn), area_id=area_id)
    if not found and area_id is not None:
        raise old_button()
    return turn.say("signup/choose_ward", edits=True, wards=found, has_areas=area_id is not None) if found else turn.say("signup/no_wards")
