"""Surveys in the chat: one-tap answers, answers in words, changing one's mind, and what is open now."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from sqlalchemy.ext.asyncio import AsyncSession

from intouch.bot.turn import Content, Conversation, Handler, Reply, Turn, old_button
from intouch.errors import BadInput, Closed, InTouchError, NotAllowed, NotFound
from intouch.residents import dialogues
from intouch.residents.models import DialogueKind
from intouch.surveys import answering, listing
from intouch.surveys.filling_in import Given, Way
from intouch.surveys.models import AnswerKind, QuestionType
from intouch.surveys.questionnaires import Questionnaire, QuestionView

ROOM = "survey"  # the first part of its buttons' callback data
_LISTED = 10


_REFUSED = (Closed, NotFound, NotAllowed)


def _kindly(handler: Handler) -> Handler:
    """Where a survey can't be answered any more, say so with a way on, and stop waiting for words."""

    async def guarded(turn: Turn) -> Reply:
        try:
            return await handler(turn)
        except _REFUSED as error:  # raised before anything is written
            return await _sorry(turn, error)

    return guarded


async def _sorry(turn: Turn, error: InTouchError) -> Reply:
    await _stop_listening(turn)
    return turn.say("surveys/sorry", sentence=str(error))


async def survey(turn: Turn) -> Reply:
    """/survey: the surveys this resident may answer now; straight to the question when there is just one to answer."""
    resident = turn.known()
    surveys = await listing.open_for(turn.session, resident, now=turn.now)
    finished = await listing.finished_by(turn.session, resident.id)
    await _stop_listening(turn)
    if len(surveys) == 1:
        form = await answering.ask(turn.session, surveys[0].id, resident.id, now=turn.now)
        return await _go_on(turn, form)
    surveys.sort(key=lambda one: one.id in finished)
    return turn.say("surveys/list", edits=True, surveys=surveys[:_LISTED], finished=finished, more=max(0, len(surveys) - _LISTED))


async def is_under_way(turn: Turn) -> bool:
    """Whether this resident has stopped in the middle of a survey; a question with buttons waits for no message."""
    return await listing.has_begun(turn.session, turn.known().id, now=turn.now)


async def unanswered(turn: Turn) -> int:
    """How many surveys wait for this resident's answers."""
    resident = turn.known()
    finished = await listing.finished_by(turn.session, resident.id)
    return sum(survey.id not in finished for survey in await listing.open_for(turn.session, resident, now=turn.now))


async def _tap(turn: Turn) -> Reply:
    handler = _TAPS.get(turn.word(0))
    if handler is None:
        raise old_button()
    return await handler(turn)


async def _see(turn: Turn) -> Reply:
    form = await answering.ask(turn.session, turn.number(1), turn.known().id, now=turn.now)
    return await _go_on(turn, form)


async def _ask(turn: Turn) -> Reply:
    form, question = await _form_of(turn, turn.number(1))
    return await _show(turn, form, question)


def answer_in(turn: Turn) -> Given | None:
    """The answer that a tap gives, if it gives one; raises for callback data that somebody made up."""
    if turn.incoming.content is not Content.TAP or turn.word(0) not in _ANSWERS:
        return None
    kind = _ANSWERS[turn.word(0)]
    choices = (turn.number(2),) if kind is None else ()
    return Given(turn.known().id, turn.number(1), kind, choices)


async def answer_together(session: AsyncSession, turns: Sequence[Turn], given: Sequence[Given]) -> list[Reply]:
    """Store what taps answer, and what each of them sees next."""
    outcomes = await answering.answer_all(session, given, now=turns[0].now)
    return [await _answered(turn, one, outcome) for turn, one, outcome in zip(turns, given, outcomes, strict=True)]


async def _answered(turn: Turn, given: Given, outcome: answering.Outcome) -> Reply:
    """What comes next; of several choices the question stays until "Done"."""
    if isinstance(outcome, _REFUSED):
        return await _sorry(turn, outcome)
    if isinstance(outcome, InTouchError):
        raise outcome
    question = outcome.question(given.question_id)
    if question is None:
        raise old_button()
    if question.type is QuestionType.MULTIPLE and question.chosen:
        return await _show(turn, outcome, question)
    return await _go_on(turn, outcome, after=question.number)


async def _answer(turn: Turn) -> Reply:
    given = answer_in(turn)
    if given is None:
        raise old_button()
    return (await answer_together(turn.session, [turn], [given]))[0]


async def _drop(turn: Turn) -> Reply:
    given = Given(turn.known().id, turn.number(1), None, (turn.number(2),), way=Way.TAKE_BACK)
    form = await answering.answer(turn.session, given, now=turn.now)
    question = form.question(given.question_id)
    if question is None:
        raise old_button()
    return await _show(turn, form, question)


async def _done(turn: Turn) -> Reply:
    form, question = await _form_of(turn, turn.number(1))
    return await _go_on(turn, form, after=question.number) if question.is_answered else await _show(turn, form, question)


async def _form_of(turn: Turn, question_id: int) -> tuple[Questionnaire, QuestionView]:
    survey_id = await answering.survey_of(turn.session, question_id)
    form = await answering.ask(turn.session, survey_id, turn.known().id, now=turn.now)
    question = form.question(question_id)
    if question is None:
        raise old_button()
    return form, question


async def _go_on(turn: Turn, form: Questionnaire, *, after: int = 0) -> Reply:
    question = form.next_open(after)
    if question is not None:
        return await _show(turn, form, question)
    await _stop_listening(turn)
    return turn.say("surveys/thanks", edits=True, form=form)


async def _show(turn: Turn, form: Questionnaire, question: QuestionView) -> Reply:
    if question.type is QuestionType.TEXT:
        await dialogues.begin(turn.session, turn.telegram_id, DialogueKind.SURVEY, question.id, now=turn.now)
    else:
        await _stop_listening(turn)
    return turn.say("surveys/question", edits=True, form=form, question=question)


async def _stop_listening(turn: Turn) -> None:
    if turn.dialogue is not None and turn.dialogue.kind is DialogueKind.SURVEY:
        await dialogues.end(turn.session, turn.telegram_id)


def _open_question(turn: Turn) -> int:
    """The question whose answer in words is awaited."""
    return (turn.dialogue.subject_id if turn.dialogue else None) or 0


async def _hear(turn: Turn) -> Reply:
    form, question = await _form_of(turn, _open_question(turn))
    if turn.incoming.content is not Content.TEXT:
        return turn.say("surveys/in_words").then(await _show(turn, form, question))
    given = Given(turn.known().id, question.id, AnswerKind.TEXT, words=turn.text)
    try:
        return await _answered(turn, given, await answering.answer(turn.session, given, now=turn.now))
    except BadInput as error:
        return turn.say("help/sorry", sentence=str(error)).then(await _show(turn, form, question))


async def _ask_again(turn: Turn) -> Reply:
    return await _show(turn, *await _form_of(turn, _open_question(turn)))


async def _cancel(turn: Turn) -> Reply:
    return turn.say("surveys/paused")


# The kind of answer that a tap gives; None is a choice.
_ANSWERS: Mapping[str, AnswerKind | None] = {"pick": None, "know": AnswerKind.DONT_KNOW, "skip": AnswerKind.SKIP}
_TAPS: Mapping[str, Callable[[Turn], Awaitable[Reply]]] = {
    "open": survey,
    "see": _see,
    "mine": _see,
    "ask": _ask,
    "pick": _answer,
    "drop": _drop,
    "done": _done,
    "know": _answer,
    "skip": _answer,
}

tap = _kindly(_tap)
SURVEY = Conversation(hear=_kindly(_hear), ask=_kindly(_ask_again), cancel=_cancel)
