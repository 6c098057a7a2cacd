"""Answering: a survey in the browser, from the one tap in an email to the last question."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from intouch.errors import BadInput, Closed, InTouchError, NotAllowed, NotFound
from intouch.surveys import answer_links, answering
from intouch.surveys.filling_in import Given, Way
from intouch.surveys.models import AnswerKind, QuestionType, Survey, SurveyStatus
from intouch.surveys.questionnaires import Questionnaire, QuestionView
from intouch.web import forms
from intouch.web.pages import page, runtime_of, see

_ONE_TAP = (QuestionType.SINGLE, QuestionType.SCALE)
_OTHER = {kind.value: kind for kind in (AnswerKind.DONT_KNOW, AnswerKind.SKIP)}


@dataclass(frozen=True)
class Tap:
    """What an answer link says: ``question_id`` 0 opens the survey where it was left, ``choice`` 0 chooses nothing.

    ``token`` says who may answer which survey. What they answer stands behind it unsigned: it is theirs to choose.
    """

    token: str
    survey_id: int
    resident_id: int
    question_id: int
    choice: int


def _read(request: Request) -> Tap:
    runtime, given = runtime_of(request), request.path_params
    survey_id, resident_id, *signed = runtime.links.read(answer_links.PURPOSE, given["token"], now=runtime.now())
    if signed:  # the links of early emails held question and choice too
        return Tap(runtime.links.token(answer_links.PURPOSE, survey_id, resident_id), survey_id, resident_id, *signed)
    return Tap(given["token"], survey_id, resident_id, _number(given.get("question", "")), _number(given.get("choice", "")))


async def show(request: Request) -> Response:
    """The question with the tapped answer filled in; the database is only read, so a mail scanner answers nothing."""
    tap = _read(request)
    try:
        survey = await _questionnaire(request, tap)
    except (Closed, NotFound, NotAllowed) as error:
        return await _not_for_answering(request, tap, error)
    question = survey.question(tap.question_id) if tap.question_id else survey.next_open()
    if question is None and tap.question_id:
        return page(request, "survey_gone", status=404)
    return _ask(request, survey, question, tap.choice) if question else _thank(request, tap, survey)


async def answer(request: Request) -> Response:
    """Stores the answer and goes on to the next question, or to the thanks."""
    tap = _read(request)
    form = await forms.read(request)
    question_id = _number(form.text("question")) or tap.question_id
    try:
        survey = await _store(request, tap, question_id, form)
    except BadInput as error:
        return await _ask_again(request, tap, question_id, form, error)
    except (Closed, NotFound, NotAllowed) as error:
        return await _not_for_answering(request, tap, error)
    following = survey.next_open()
    return see(request, f"{answer_links.path(tap.token, following.id if following else 0)}?saved=1")


async def _store(request: Request, tap: Tap, question_id: int, form: forms.Form) -> Questionnaire:
    runtime = runtime_of(request)
    now = runtime.now()
    async with runtime.sessions.write() as session:
        survey = await answering.questionnaire(session, tap.survey_id, tap.resident_id, now=now)
        question = survey.question(question_id)
        if question is None:
            raise NotFound("That question isn't there any more.")
        kind, choices, words = _said(question, form, tap)
        given = Given(tap.resident_id, question_id, kind, tuple(choices), words, Way.EXACTLY, tap.survey_id)
        return await answering.answer(session, given, now=now)


def _said(question: QuestionView, form: forms.Form, tap: Tap) -> tuple[AnswerKind, list[int], str]:
    """What the form answers to the question: the kind, the choices and the words. A bare POST answers what its link says."""
    other = _OTHER.get(form.text("other"))
    if other:
        return other, [0], ""
    if question.type is QuestionType.TEXT:
        return AnswerKind.TEXT, [0], form.text("words")
    is_bare = not form.text("question") and tap.choice != 0
    choices = [tap.choice] if is_bare else [_number(choice) for choice in form.texts("choice")]
    if question.type is not QuestionType.MULTIPLE and len(choices) != 1:
        raise BadInput("Choose one answer, or press “Don’t know” or “Skip”.")
    if not choices:
        raise BadInput("Choose at least one answer, or press “Don’t know” or “Skip”.")
    return (AnswerKind.SCALE if question.type is QuestionType.SCALE else AnswerKind.OPTION), choices, ""


async def _questionnaire(request: Request, tap: Tap) -> Questionnaire:
    runtime = runtime_of(request)
    async with runtime.sessions.read() as session:
        return await answering.questionnaire(session, tap.survey_id, tap.resident_id, now=runtime.now())


def _ask(request: Request, survey: Questionnaire, question: QuestionView, choice: int) -> Response:
    is_tapped = question.type in _ONE_TAP and any(one.id == choice for one in question.choices)
    return page(
        request,
        "question",
        survey=survey,
        question=question,
        chosen={choice} if choice else {one.id for one in question.chosen},
        words=question.words,
        posts_itself=is_tapped,
        is_saved=request.query_params.get("saved") == "1",
        errors={},
    )


async def _ask_again(request: Request, tap: Tap, question_id: int, form: forms.Form, error: InTouchError) -> Response:
    survey = await _questionnaire(request, tap)
    return page(
        request,
        "question",
        status=400,
        survey=survey,
        question=survey.question(question_id),
        chosen={_number(choice) for choice in form.texts("choice")},
        words=form.text("words"),
        posts_itself=False,
        is_saved=False,
        errors={"answer": str(error)},
    )


def _thank(request: Request, tap: Tap, survey: Questionnaire) -> Response:
    change = {question.id: answer_links.path(tap.token, question.id) for question in survey.questions}
    return page(request, "survey_thanks", survey=survey, change=change)


async def _not_for_answering(request: Request, tap: Tap, error: InTouchError) -> Response:
    if not isinstance(error, Closed):
        return page(request, "survey_gone", status=404)
    async with runtime_of(request).sessions.read() as session:
        survey = await session.get(Survey, tap.survey_id)
    is_published = survey is not None and survey.status is SurveyStatus.PUBLISHED
    return page(
        request, "survey_closed", status=410, sentence=str(error), results=f"/results/{tap.survey_id}" if is_published else "/results"
    )


def _number(text: str) -> int:
    """The key that a form field or a link holds; 0, which is nothing's key, when somebody made it up."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0
