"""Published results: tables, bars, and nothing that gives a small group away."""

import csv
import io
import re
from datetime import date, datetime, timedelta

import httpx
import pytest
import sqlalchemy as sa

from intouch.places.models import Area, Ward
from intouch.runtime import Runtime
from intouch.surveys import closing, results, table
from intouch.surveys.models import Answer, AnswerKind, Invitation, Option, Question, QuestionType, Response, Survey, SurveyStatus

Ids = dict[str, int]


@pytest.fixture
async def counted(site: Runtime, now: datetime) -> Ids:
    """A closed survey of three wards: 40 answers in Roker, 30 in Fulwell, 2 in Ryhope; a formula and markup as options."""
    async with site.sessions.write() as session:
        area = Area(name="North")
        session.add(area)
        await session.flush()
        names = ("Roker", "Fulwell", "Ryhope")
        wards = [Ward(code=f"E0{place}", name=name, area_id=area.id, valid_from=date(2026, 5, 7)) for place, name in enumerate(names)]
        made = Survey(
            status=SurveyStatus.OPEN, title="Bins <i>now</i>", why="Days may change.", opens_at=now, created_at=now, launched_at=now
        )
        made.closes_at = now + timedelta(days=7)
        session.add_all([*wards, made])
        await session.flush()
        one = Question(survey_id=made.id, position=0, text="Mondays?", type=QuestionType.SINGLE)
        words = Question(survey_id=made.id, position=1, text="Anything else?", type=QuestionType.TEXT)
        session.add_all([one, words])
        await session.flush()
        options = [Option(question_id=one.id, position=place, text=text) for place, text in enumerate(("=1+1", "No <b>way</b>"))]
        session.add_all(options)
        await session.flush()
        for ward, number in zip(wards, (40, 30, 2), strict=True):
            session.add_all([Invitation(survey_id=made.id, ward_id=ward.id, invited_at=now) for _ in range(number + 20)])
            responses = [
                Response(survey_id=made.id, ward_id=ward.id, started_at=now, updated_at=now, finished_at=now) for _ in range(number)
            ]
            session.add_all(responses)
            await session.flush()
            for place, response in enumerate(responses):
                chosen = options[0 if place % 4 else 1].id
                session.add(Answer(response_id=response.id, question_id=one.id, kind=AnswerKind.OPTION, choice=chosen, answered_at=now))
                said = {"kind": AnswerKind.TEXT, "words": "my secret words", "answered_at": now}
                session.add(Answer(response_id=response.id, question_id=words.id, **said))
        return {"survey": made.id, "area": area.id, **{ward.name: ward.id for ward in wards}}


@pytest.fixture
async def published(site: Runtime, counted: Ids, now: datetime) -> Ids:
    async with site.sessions.write() as session:
        await closing.close(session, counted["survey"], now=now)
    return counted


async def test_results_are_listed_once_they_are_published(client: httpx.AsyncClient, site: Runtime, counted: Ids, now: datetime) -> None:
    assert "No results are published yet" in (await client.get("/results")).text
    early = await client.get(f"/results/{counted['survey']}")
    assert early.status_code == 404
    assert "are not published yet" in early.text
    assert (await client.get(f"/results/{counted['survey']}/results.csv")).status_code == 404
    async with site.sessions.write() as session:
        await closing.close(session, counted["survey"], now=now)
    for path in ("/results", "/"):
        text = (await client.get(path)).text
        assert f'href="/results/{counted["survey"]}">Bins &lt;i&gt;now&lt;/i&gt;</a>' in text


async def test_the_city_is_shown_in_a_table_with_bars_and_plain_words(client: httpx.AsyncClient, published: Ids) -> None:
    text = (await client.get(f"/results/{published['survey']}")).text
    assert "132 people were asked, and 72 people answered." in text
    assert "chose to take part" in text
    assert re.search(r"No &lt;b&gt;way&lt;/b&gt;</th>\s*<td[^>]*>18</td>", text) or "hidden" in text
    assert '<rect class="intouch-bar__share" width="' in text
    assert re.search(r">\d+% to \d+%</td>", text)
    assert "my secret words" not in text
    assert "style=" not in text


async def test_a_question_that_nobody_answered_says_so_in_one_line(
    client: httpx.AsyncClient, site: Runtime, counted: Ids, now: datetime
) -> None:
    async with site.sessions.write() as session:
        silent = Question(survey_id=counted["survey"], position=2, text="How safe?", type=QuestionType.SCALE)
        session.add_all([silent, Question(survey_id=counted["survey"], position=3, text="Why?", type=QuestionType.TEXT)])
    async with site.sessions.write() as session:
        await closing.close(session, counted["survey"], now=now)
    text = (await client.get(f"/results/{counted['survey']}")).text
    assert text.count("<table") == 1 and "Gave an opinion: 0" not in text
    for question in ("How safe?", "Why?"):
        assert re.search(rf"{re.escape(question)}</h3>\s*<p[^>]*>Too few people answered this to show what they said\.</p>", text)
    async with site.sessions.read() as session:
        told = (await results.results(session, counted["survey"], smallest=5)).city
    values = {"survey": {"title": "Bins"}, "place": told, "ward_name": "Roker", "more": 0, "url": "https://x.example", "smallest_count": 5}
    message = site.templates.telegram("surveys/outcome", **values).text
    assert "<b>How safe?</b>\nToo few people answered this to show what they said.\n" in message
    assert "1: 0" not in message and "0 people answered in their own words" not in message


async def test_a_ward_with_few_answers_shows_no_number(client: httpx.AsyncClient, published: Ids) -> None:
    text = (await client.get(f"/results/{published['survey']}", params={"place": f"ward-{published['Ryhope']}"})).text
    assert '<h2 class="govuk-heading-m">Ryhope</h2>' in text
    assert "Too few people answered here" in text
    assert "<table" not in text


@pytest.mark.parametrize("place", ["ward-999999", "rubbish", "<script>", "ward-", "city-None"])
async def test_a_place_that_was_not_asked_shows_the_whole_council(client: httpx.AsyncClient, published: Ids, place: str) -> None:
    page = await client.get(f"/results/{published['survey']}", params={"place": place})
    assert page.status_code == 200
    assert '<h2 class="govuk-heading-m">Sunderland City Council</h2>' in page.text
    assert "<script>" not in page.text


async def test_an_area_or_ward_is_chosen_by_a_form_without_script(client: httpx.AsyncClient, published: Ids) -> None:
    text = (await client.get(f"/results/{published['survey']}?place=area-{published['area']}")).text
    assert f'<option value="area-{published["area"]}" selected>North</option>' in text
    assert '<optgroup label="Wards">' in text


async def test_the_file_holds_the_same_numbers_and_no_formula(client: httpx.AsyncClient, published: Ids) -> None:
    answer = await client.get(f"/results/{published['survey']}/results.csv")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert {row["note"] for row in rows} == {table.NOTE}
    assert {row["place"] for row in rows} == {"Sunderland City Council", "North", "Roker", "Fulwell", "Ryhope"}
    assert all(not cell.startswith(("=", "+", "@")) for row in rows for cell in row.values())
    ryhope = [row for row in rows if row["place"] == "Ryhope"]
    assert ryhope and all(row["people"] == row["answered"] == "hidden" for row in ryhope)
    shown = [int(row["people"]) for row in rows if row["people"] != "hidden"]
    assert all(count == 0 or count >= 5 for count in shown)
    assert "my secret words" not in answer.text


@pytest.mark.parametrize("number", ["0", "-1", "4711", "99999999999999999999"])
async def test_a_survey_that_is_not_there_is_not_found(client: httpx.AsyncClient, number: str) -> None:
    for path in (f"/results/{number}", f"/results/{number}/results.csv"):
        assert (await client.get(path)).status_code == 404


async def test_a_title_that_is_the_only_question_is_seen_once(
    client: httpx.AsyncClient, site: Runtime, counted: Ids, now: datetime
) -> None:
    async with site.sessions.write() as session:
        words = sa.select(Question.id).where(Question.position == 1)
        await session.execute(sa.delete(Answer).where(Answer.question_id.in_(words)))
        await session.execute(sa.delete(Question).where(Question.position == 1))
        await session.execute(sa.update(Survey).values(title="Mon…"))
        await closing.close(session, counted["survey"], now=now)
    text = (await client.get(f"/results/{counted['survey']}")).text
    assert re.search(r"<h1[^>]*>Mondays\?</h1>", text) and "Mon…" not in text
    # Who hears the table still needs its name.
    assert re.search(r'<caption class="[^"]*govuk-visually-hidden[^"]*">Mondays\?</caption>', text)


async def test_a_number_that_is_hidden_is_told_as_far_as_it_may_be(
    client: httpx.AsyncClient, site: Runtime, counted: Ids, now: datetime
) -> None:
    async with site.sessions.write() as session:
        for _ in range(2):
            session.add(Invitation(survey_id=counted["survey"], ward_id=counted["Roker"], invited_at=now))
            response = Response(survey_id=counted["survey"], ward_id=counted["Roker"], started_at=now, updated_at=now, finished_at=now)
            session.add(response)
            await session.flush()
            for question in await session.scalars(sa.select(Question.id)):
                unsure = {"kind": AnswerKind.DONT_KNOW, "choice": 0, "answered_at": now}
                session.add(Answer(response_id=response.id, question_id=question, **unsure))
        await closing.close(session, counted["survey"], now=now)
    text = (await client.get(f"/results/{counted['survey']}?place=ward-{counted['Roker']}")).text
    assert "62 people were asked, and at least 40 people answered." in text
