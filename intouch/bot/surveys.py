"""Surveys in the chat: one-tap answers, answers in words, changing one's mind, and what is open now."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from intouch.bot.turn import Content, Conversation, Handler, Reply, Turn, old_button
from intouch.errors import BadInput, Closed, NotAllowed, NotFound
from intouch.residents import dialogues
from intouch.residents.models import DialogueKind
from intouch.surveys import answering, listing
from intouch.surveys.models import AnswerKind, Question, QuestionType
from intouch.surveys.questionnaires import Questionnaire, QuestionView

_LISTED = 10


def _kindly(handler: Handler) -> Handler:
    """Where a survey can't be answered any more, say so with a way on, and stop waiting for words."""

    async def guarded(turn: Turn) -> Reply:
        try:
            async with turn.session.begin_nested():
                return await handler(turn)
        except (Closed, NotFound, NotAllowed) as error:
            await _stop_listening(turn)
            return turn.say("surveys/sorry", sentence=str(error))

    return guarded


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


async def _pick(turn: Turn) -> Reply:
    question = await answering.question(turn.session, turn.number(1))
    kind = AnswerKind.SCALE if question.type is QuestionType.SCALE else AnswerKind.OPTION
    return await _store(turn, question, kind, choice=turn.number(2))


async def _drop(turn: Turn) -> Reply:
    form, question = await _form_of(turn, turn.number(1))
    of = {"survey_id": form.survey_id, "resident_id": turn.known().id, "question_id": question.id}
    await answering.take_back(turn.session, **of, choice=turn.number(2), now=turn.now)
    return await _show(turn, *await _form_of(turn, question.id))


async def _done(turn: Turn) -> Reply:
    form, question = await _form_of(turn, turn.number(1))
    return await _go_on(turn, form, after=question.number) if question.is_answered else await _show(turn, form, question)


async def _know(turn: Turn) -> Reply:
    return await _store(turn, await answering.question(turn.session, turn.number(1)), AnswerKind.DONT_KNOW)


async def _skip(turn: Turn) -> Reply:
    return await _store(turn, await answering.question(turn.session, turn.number(1)), AnswerKind.SKIP)


async def _form_of(turn: Turn, question_id: int) -> tuple[Questionnaire, QuestionView]:
    asked = await answering.question(turn.session, question_id)
    form = await answering.ask(turn.session, asked.survey_id, turn.known().id, now=turn.now)
    question = form.question(question_id)
    if question is None:
        raise old_button()
    return form, question


async def _store(turn: Turn, asked: Question, kind: AnswerKind, *, choice: int = 0, words: str | None = None) -> Reply:
    """Store the answer and show what comes next; of several choices the question stays until "Done"."""
    of = {"survey_id": asked.survey_id, "resident_id": turn.known().id, "question_id": asked.id}
    form = await answering.answer_and_show(turn.session, **of, kind=kind, choice=choice, words=words, now=turn.now)
    question = form.question(asked.id)
    if question is None:
        raise old_button()
    if question.type is QuestionType.MULTIPLE and kind is AnswerKind.OPTION:
        return await _show(turn, form, question)
    return await _go_on(turn, form, after=question.number)


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
    asked = await answering.question(turn.session, question.id)
    try:
        async with turn.session.begin_nested():
            return await _store(turn, asked, AnswerKind.TEXT, words=turn.text)
    except BadInput as error:
        return turn.say("help/sorry", sentence=str(error)).then(await _show(turn, form, question))


async def _ask_again(turn: Turn) -> Reply:
    return await _show(turn, *await _form_of(turn, _open_question(turn)))


async def _cancel(turn: Turn) -> Reply:
    return turn.say("surveys/paused")


_TAPS: Mapping[str, Callable[[Turn], Awaitable[Reply]]] = {
    "open": survey,
    "see": _see,
    "mine": _see,
    "ask": _ask,
    "pick": _pick,
    "drop": _drop,
    "done": _done,
    "know": _know,
    "skip": _skip,
}

tap = _kindly(_tap)
SURVEY = Conversation(hear=_kindly(_hear), ask=_kindly(_ask_again), cancel=_cancel)
