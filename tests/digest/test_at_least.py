"""At least: a number of people that is not the whole number says so, in emails and in the chat."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from intouch.digest.rendering import BriefingPress
from intouch.letters import Letters
from intouch.runtime import Runtime
from intouch.surveys.models import Answer, AnswerKind, Invitation, Question, Response
from tests.digest import writing
from tests.digest.conftest import Town
from tests.digest.test_contents import DAY, NOW, gather


async def _two_do_not_know(runtime: Runtime, town: Town) -> None:
    """A survey that 31 people of Southwick gave an opinion on; two more did not know, which nobody may learn."""
    survey_id = await writing.survey(
        runtime, opened_at=NOW - timedelta(days=6), closed_at=NOW - DAY, answers={town.southwick: (21, 10)}, asked=5
    )
    at = NOW - 2 * DAY
    async with runtime.sessions.write() as session:
        question = (await session.scalars(sa.select(Question.id).where(Question.survey_id == survey_id))).one()
        for _ in range(2):
            session.add(Invitation(survey_id=survey_id, ward_id=town.southwick, invited_at=at))
            response = Response(survey_id=survey_id, ward_id=town.southwick, started_at=at, updated_at=at, finished_at=at)
            session.add(response)
            await session.flush()
            session.add(Answer(response_id=response.id, question_id=question, kind=AnswerKind.DONT_KNOW, choice=0, answered_at=at))


async def test_where_the_number_who_took_part_is_hidden_people_read_at_least(runtime: Runtime, town: Town) -> None:
    await _two_do_not_know(runtime, town)
    digest, briefing = await gather(town), await gather(town, for_councillors=True)
    assert (digest["said"][0]["answered"], digest["said"][0]["is_least"]) == (31, True)
    press = BriefingPress(Letters(runtime.templates), runtime.templates)
    letter = press.letter(briefing, name="Carl")
    assert "At least 31 people in your ward answered, of 38 asked." in letter.text and "At least" in letter.html
    assert "at least 31 of 38 answered" in press.message(briefing, name="Carl").text


async def test_a_whole_number_is_told_as_it_is(runtime: Runtime, town: Town) -> None:
    await writing.survey(runtime, opened_at=NOW - timedelta(days=6), closed_at=NOW - DAY, answers={town.southwick: (21, 10)}, asked=5)
    assert (await gather(town))["said"][0]["is_least"] is False
