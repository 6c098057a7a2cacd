"""Answering a survey in the browser: from one tap in an email to the last question."""

import asyncio
import re
from datetime import datetime, timedelta

import httpx
import pytest
import sqlalchemy as sa

from intouch.residents.models import Channel, Resident, ResidentStatus, Subscription, Topic
from intouch.runtime import Runtime
from intouch.surveys import answer_links, closing, wording
from intouch.surveys.models import Answer, AnswerKind, Invitation, Option, Question, QuestionType, Response, Survey, SurveyStatus

Ids = dict[str, int]


@pytest.fixture
async def survey(site: Runtime, grace: int, wards: tuple[int, int], now: datetime) -> Ids:
    """An open survey of Roker with a question of each type, to which Grace was invited; ids by name."""
    async with site.sessions.write() as session:
        made = Survey(
            status=SurveyStatus.OPEN,
            title="Bins & <b>boxes</b>",
            why="Days may change.",
            ward_codes=["E05016389"],
            opens_at=now,
            closes_at=now + timedelta(days=7),
            created_at=now,
            launched_at=now,
        )
        session.add(made)
        await session.flush()
        session.add(Invitation(survey_id=made.id, resident_id=grace, ward_id=wards[0], invited_at=now))
        questions = [
            Question(survey_id=made.id, position=place, text=f"Which {kind}?", type=kind) for place, kind in enumerate(QuestionType)
        ]
        session.add_all(questions)
        await session.flush()
        ids = {"survey": made.id, "grace": grace, **{question.type.value: question.id for question in questions}}
        for question in questions[:2]:
            for place, text in enumerate(("Yes", "No & never", "Perhaps")):
                option = Option(question_id=question.id, position=place, text=text)
                session.add(option)
                await session.flush()
                ids[f"{question.type.value}:{place}"] = option.id
        return ids


def _link(site: Runtime, ids: Ids, question: str = "single", choice: str | int = "single:0") -> str:
    chosen = choice if isinstance(choice, int) else ids[choice]
    return answer_links.path(site.links.token("answer", ids["survey"], ids["grace"]), ids.get(question, 0), chosen)


async def _answers(site: Runtime) -> list[tuple[int, AnswerKind, int, str | None]]:
    async with site.sessions.read() as session:
        rows = await session.execute(
            sa.select(Answer.question_id, Answer.kind, Answer.choice, Answer.words).order_by(Answer.question_id, Answer.choice)
        )
        return [(row[0], row[1], row[2], row[3]) for row in rows]


async def test_a_scanner_that_opens_the_link_answers_nothing(client: httpx.AsyncClient, site: Runtime, survey: Ids) -> None:
    link = _link(site, survey)
    page = await client.get(link)
    await client.head(link)
    assert page.status_code == 200
    assert "data-post-itself" in page.text
    assert f'value="{survey["single:0"]}" checked' in page.text
    async with site.sessions.read() as session:
        for table in (Answer, Response):
            assert await session.scalar(sa.select(sa.func.count()).select_from(table)) == 0


async def test_what_people_wrote_is_escaped(client: httpx.AsyncClient, site: Runtime, survey: Ids) -> None:
    text = (await client.get(_link(site, survey))).text
    assert "Bins &amp; &lt;b&gt;boxes&lt;/b&gt;" in text
    assert "No &amp; never" in text


async def test_one_tap_is_one_answer_and_the_next_question_follows(client: httpx.AsyncClient, site: Runtime, survey: Ids) -> None:
    page = await client.post(_link(site, survey), data={"question": survey["single"], "choice": survey["single:0"]})
    assert "Thank you, your answer is saved" in page.text
    assert "Question 2 of 4" in page.text
    assert "data-post-itself" not in page.text
    assert await _answers(site) == [(survey["single"], AnswerKind.OPTION, survey["single:0"], None)]


async def test_every_type_of_question_is_answered_without_a_script_to_the_thanks(
    client: httpx.AsyncClient, site: Runtime, survey: Ids
) -> None:
    page = await client.post(_link(site, survey), data={"question": survey["single"], "choice": survey["single:1"]})
    page = await client.post(page.url, data={"question": survey["multiple"], "choice": [survey["multiple:0"], survey["multiple:2"]]})
    assert "1 is the lowest, 5 is the highest." in page.text
    page = await client.post(page.url, data={"question": survey["scale"], "choice": "4"})
    assert "<textarea" in page.text
    page = await client.post(page.url, data={"question": survey["text"], "words": "Less <i>noise</i>\r\nplease"})
    assert "Your answers are saved" in page.text
    assert "Less &lt;i&gt;noise&lt;/i&gt;\nplease" in page.text
    assert await _answers(site) == [
        (survey["single"], AnswerKind.OPTION, survey["single:1"], None),
        (survey["multiple"], AnswerKind.OPTION, survey["multiple:0"], None),
        (survey["multiple"], AnswerKind.OPTION, survey["multiple:2"], None),
        (survey["scale"], AnswerKind.SCALE, 4, None),
        (survey["text"], AnswerKind.TEXT, 0, "Less <i>noise</i>\nplease"),
    ]


@pytest.mark.parametrize("other", [AnswerKind.DONT_KNOW, AnswerKind.SKIP])
async def test_dont_know_and_skip_are_answers_to_every_question(
    client: httpx.AsyncClient, site: Runtime, survey: Ids, other: AnswerKind
) -> None:
    for kind in QuestionType:
        page = await client.post(_link(site, survey), data={"question": survey[kind.value], "other": other.value})
    assert "Your answers are saved" in page.text
    assert await _answers(site) == [(survey[kind.value], other, 0, None) for kind in QuestionType]


async def test_an_answer_can_be_changed_until_the_survey_closes(
    client: httpx.AsyncClient, site: Runtime, survey: Ids, clock, now: datetime
) -> None:  # type: ignore[no-untyped-def]
    for kind in QuestionType:
        thanks = await client.post(_link(site, survey), data={"question": survey[kind.value], "other": "skip"})
    change = re.findall(r'href="(/answer/[^"]+)">Change', thanks.text)
    assert len(change) == 4
    assert "You skipped this question before" in (await client.get(change[0])).text
    page = await client.post(change[0], data={"question": survey["single"], "choice": survey["single:2"]})
    assert "Your answers are saved" in page.text
    assert f'value="{survey["single:2"]}" checked' in (await client.get(change[0])).text
    clock.set(now + timedelta(days=8))
    before = await _answers(site)
    for late in (
        await client.post(change[0], data={"question": survey["single"], "choice": survey["single:0"]}),
        await client.get(change[0]),
    ):
        assert late.status_code == 410
        assert "This survey has closed" in late.text
    assert await _answers(site) == before


async def test_a_published_survey_leads_to_its_results(client: httpx.AsyncClient, site: Runtime, survey: Ids, now: datetime) -> None:
    async with site.sessions.write() as session:
        await closing.close(session, survey["survey"], now=now)
    page = await client.get(_link(site, survey))
    assert f'href="/results/{survey["survey"]}"' in page.text


async def test_a_link_of_an_option_of_several_waits_for_the_button(client: httpx.AsyncClient, site: Runtime, survey: Ids) -> None:
    page = await client.get(_link(site, survey, "multiple", "multiple:1"))
    assert "data-post-itself" not in page.text
    assert f'value="{survey["multiple:1"]}" checked' in page.text


async def test_a_link_without_a_choice_opens_the_survey_where_it_was_left(client: httpx.AsyncClient, site: Runtime, survey: Ids) -> None:
    await client.post(_link(site, survey), data={"question": survey["single"], "other": "skip"})
    page = await client.get(_link(site, survey, "", 0))
    assert "Question 2 of 4" in page.text
    assert "data-post-itself" not in page.text


@pytest.mark.parametrize(
    ("question", "posted", "sentence"),
    [
        ("single", {}, "Choose one answer"),
        ("single", {"choice": ["1", "2"]}, "Choose one answer"),
        ("multiple", {}, "Choose at least one answer"),
        ("scale", {}, "Choose one answer"),
        ("text", {}, "Please write your answer in words"),
        ("text", {"words": "  \0 "}, "Please write your answer in words"),
        ("text", {"words": "x" * (wording.WORDS_LIMIT + 1)}, "characters long"),
    ],
)
async def test_an_answer_that_is_none_is_named_and_what_was_typed_is_kept(
    client: httpx.AsyncClient, site: Runtime, survey: Ids, question: str, posted: dict[str, str], sentence: str
) -> None:
    page = await client.post(_link(site, survey), data={"question": survey[question], **posted})
    assert page.status_code == 400
    assert 'href="#answer"' in page.text and 'id="answer-error"' in page.text and 'id="answer"' in page.text
    assert sentence in page.text
    assert posted.get("words", "").strip("\0 ") in page.text
    assert await _answers(site) == []


@pytest.mark.parametrize("posted", [{"choice": "70"}, {"choice": "-1"}, {"choice": "999999999999999999999"}, {"choice": "٣"}])
async def test_a_made_up_choice_is_refused(client: httpx.AsyncClient, site: Runtime, survey: Ids, posted: dict[str, str]) -> None:
    for question in ("single", "multiple", "scale"):
        page = await client.post(_link(site, survey), data={"question": survey[question], **posted})
        assert page.status_code == 404
    assert await _answers(site) == []


async def test_a_question_of_another_survey_is_refused(client: httpx.AsyncClient, site: Runtime, survey: Ids) -> None:
    page = await client.post(_link(site, survey), data={"question": 987654, "choice": survey["single:0"]})
    assert page.status_code == 404
    assert "This survey is not here for you" in page.text
    token = site.links.token("answer", survey["survey"], survey["grace"])
    assert (await client.get(answer_links.path(token, 987654, 1))).status_code == 404


async def test_mallory_answers_for_nobody(client: httpx.AsyncClient, site: Runtime, survey: Ids) -> None:
    link = _link(site, survey)
    token = site.links.token("answer", survey["survey"], survey["grace"])
    foreign = link.replace(token, site.links.token("unsubscribe", survey["survey"], survey["grace"]))
    for bad in (link.replace(token, token[:-1]), foreign, "/answer/1.2", "/answer/1.2/3/4"):
        answer = await client.post(bad, data={"question": survey["single"], "choice": survey["single:0"]})
        assert answer.status_code == 404
        assert "isn&#39;t one of ours" in answer.text
    assert await _answers(site) == []


@pytest.mark.parametrize("behind", ["/soup", "/7/soup", "/9" * 2, f"/{'9' * 30}/{'9' * 30}", "/-1/1", "/٣/٣", "/1/2/3"])
async def test_what_somebody_writes_behind_a_token_chooses_nothing(
    client: httpx.AsyncClient, site: Runtime, survey: Ids, behind: str
) -> None:
    link = f"/answer/{site.links.token('answer', survey['survey'], survey['grace'])}{behind}"
    assert (await client.get(link)).status_code in (200, 404)
    assert (await client.post(link)).status_code in (400, 404)
    assert await _answers(site) == []


async def test_the_link_of_an_early_email_holds_question_and_answer(client: httpx.AsyncClient, site: Runtime, survey: Ids) -> None:
    signed = site.links.token("answer", survey["survey"], survey["grace"], survey["single"], survey["single:0"])
    assert (await client.post(f"/answer/{signed}")).status_code == 200
    assert [row[:3] for row in await _answers(site)] == [(survey["single"], AnswerKind.OPTION, survey["single:0"])]


async def test_somebody_of_another_ward_is_told_kindly(
    client: httpx.AsyncClient, site: Runtime, survey: Ids, wards: tuple[int, int], now: datetime
) -> None:
    async with site.sessions.write() as session:
        bob = Resident(status=ResidentStatus.ACTIVE, telegram_id=5, ward_id=wards[1], created_at=now, consented_at=now, joined_at=now)
        session.add(bob)
        await session.flush()
        session.add(Subscription(resident_id=bob.id, topic=Topic.SURVEYS, channel=Channel.TELEGRAM, started_at=now))
        bob_id = bob.id
    link = answer_links.path(site.links.token("answer", survey["survey"], bob_id), survey["single"], survey["single:0"])
    for page in (await client.get(link), await client.post(link, data={"question": survey["single"], "choice": survey["single:0"]})):
        assert page.status_code == 404
        assert "asks other wards than yours" in page.text
    assert await _answers(site) == []


async def test_ten_taps_at_once_are_one_answer(client: httpx.AsyncClient, site: Runtime, survey: Ids) -> None:
    link = _link(site, survey)
    posted = {"question": str(survey["single"]), "choice": str(survey["single:0"])}
    pages = await asyncio.gather(*(client.post(link, data=posted) for _ in range(10)))
    assert {page.status_code for page in pages} == {200}
    assert len(await _answers(site)) == 1


async def test_a_title_that_is_the_only_question_is_shown_once(client: httpx.AsyncClient, site: Runtime, survey: Ids) -> None:
    async with site.sessions.write() as session:
        others = sa.select(Question.id).where(Question.id != survey["single"])
        await session.execute(sa.delete(Option).where(Option.question_id.in_(others)))
        await session.execute(sa.delete(Question).where(Question.id.in_(others)))
        await session.execute(sa.update(Survey).values(title="Which…"))
    link = _link(site, survey)
    thanks = await client.post(link, data={"question": survey["single"], "choice": survey["single:0"]})
    for page in (await client.get(link), thanks):
        assert "Which single?" in page.text and "Which…" not in page.text


@pytest.mark.parametrize("behind", [".", ")", "/", "&amp;", "%0D%0A"])
async def test_a_tapped_answer_is_filled_in_whatever_stands_behind_its_link(
    client: httpx.AsyncClient, site: Runtime, survey: Ids, behind: str
) -> None:
    assert await client.post(_link(site, survey) + behind)
    assert [row[:3] for row in await _answers(site)] == [(survey["single"], AnswerKind.OPTION, survey["single:0"])]
