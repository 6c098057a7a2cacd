"""The preview of a pulse survey in the chat: what residents will see, and a button that launches exactly that."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import Any

from intouch.bot.turn import Reply, Turn
from intouch.surveys import launch as launching
from intouch.surveys import questionnaires
from intouch.surveys.models import Survey
from intouch.surveys.questionnaires import Questionnaire
from intouch.templating import Button, TelegramMessage


async def show(turn: Turn, survey: Survey) -> Reply:
    """The invitation just as residents will see it, then whom it reaches and the buttons to launch or change it."""
    form = await questionnaires.load(turn.session, survey)
    sample = turn.say("surveys/invitation", edits=True, form=form, question=form.questions[0])
    if sample.message is None:
        raise RuntimeError("an invitation is always a message")
    names = await launching.asked_names(turn.session, survey)
    reach = await launching.reach(turn.session, survey, now=turn.now)
    values: dict[str, Any] = {"names": names, "reach": reach, "kind": form.questions[0].type.value, "mark": _fingerprint(survey, form)}
    controls = turn.say("officers/preview", survey=survey, **values)
    return replace(sample, message=_inert(sample.message, survey.id)).then(controls)


async def fingerprint(turn: Turn, survey: Survey) -> str:
    """A short mark of all that the preview shows of the draft: another draft has another one."""
    return _fingerprint(survey, await questionnaires.load(turn.session, survey))


def _fingerprint(survey: Survey, form: Questionnaire) -> str:
    shown = [
        [form.title, form.why, survey.closes_at and survey.closes_at.timestamp()],
        [survey.is_audience_chosen, survey.is_for_sounding_board, sorted(survey.ward_codes)],
        # The words and not the numbers of their rows: answers that were changed back are the same answers.
        [[question.text, question.type, [choice.text for choice in question.choices]] for question in form.questions],
    ]
    return hashlib.sha256(json.dumps(shown).encode()).hexdigest()[:16]


def _inert(message: TelegramMessage, survey_id: int) -> TelegramMessage:
    """The message with buttons that only say that this is a preview."""
    rows = tuple(tuple(Button(button.label, data=f"launch:sample:{survey_id}") for button in row) for row in message.buttons)
    return replace(message, buttons=rows)
