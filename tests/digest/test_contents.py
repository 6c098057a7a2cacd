"""Contents: what a ward's digest and briefing say, read from a real database, with small numbers left out."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from intouch.council.models import ResponseTeam
from intouch.digest import briefing, contents
from intouch.digest.rendering import BriefingPress, DigestPress
from intouch.digest.scope import Scope
from intouch.issues.models import IssueStatus
from intouch.letters import Letters
from intouch.places.models import Ward
from intouch.runtime import Runtime
from intouch.surveys.models import QuestionType
from tests.digest import writing
from tests.digest.conftest import Town

NOW = datetime(2026, 11, 20, 16, 0, tzinfo=UTC)
WEEK = timedelta(days=7)
DAY = timedelta(days=1)


async def gather(town: Town, *, ward_id: int | None = None, for_councillors: bool = False) -> dict[str, Any]:
    async with town.runtime.sessions.read() as session:
        ward = await session.get_one(Ward, ward_id or town.southwick)
        scope = Scope.of(town.runtime.settings, ward, since=NOW - WEEK, until=NOW, now=NOW)
        found = await (briefing.gather if for_councillors else contents.gather)(session, scope)
    assert json.loads(json.dumps(found)) == found, "an edition is kept as JSON"
    return found


async def test_a_quiet_ward_has_nothing_to_say(runtime: Runtime, town: Town) -> None:
    await writing.notice(runtime, "Too far off", on=date(2026, 12, 5), ward_id=None, created_at=NOW)
    await writing.notice(runtime, "Elsewhere", on=date(2026, 11, 24), ward_id=town.fulwell, created_at=NOW)
    await writing.report(runtime, "SR-OLD", town.southwick, at=NOW - 2 * WEEK)
    assert await gather(town) == {}


async def test_notices_of_the_ward_and_of_the_city_come_in_order_for_two_weeks(runtime: Runtime, town: Town) -> None:
    await writing.notice(runtime, "Last day", on=date(2026, 12, 4), ward_id=town.southwick, created_at=NOW)
    await writing.notice(runtime, "Today", on=date(2026, 11, 20), ward_id=None, created_at=NOW, url="javascript:alert(1)")
    found = await gather(town)
    assert [(notice["title"], notice["url"]) for notice in found["notices"]] == [("Today", ""), ("Last day", "")]


async def test_a_flood_of_notices_is_cut_and_counted(runtime: Runtime, town: Town) -> None:
    for number in range(23):
        await writing.notice(runtime, f"Notice {number}", on=date(2026, 11, 24), ward_id=None, created_at=NOW)
    found = await gather(town)
    assert (len(found["notices"]), found["more_notices"]) == (20, 3)


async def test_a_notice_is_told_whole_where_no_page_tells_the_rest(runtime: Runtime, town: Town) -> None:
    text = "The bridge is closed. " * 90
    for url in ("", "https://council.example/bridge"):
        await writing.notice(runtime, url or "No page", on=date(2026, 11, 24), ward_id=None, created_at=NOW - DAY, url=url, text=text)
    for found in (await gather(town), await gather(town, for_councillors=True)):
        told = {notice["url"]: notice["text"] for notice in found["notices"]}
        assert told[""] == text
        assert told["https://council.example/bridge"].endswith("…") and len(told["https://council.example/bridge"]) <= 400


async def test_a_survey_open_to_the_ward_is_asked_with_a_link_per_answer(runtime: Runtime, town: Town) -> None:
    await writing.survey(runtime, opened_at=NOW - DAY, ward_codes=["E05016391"])
    await writing.survey(runtime, opened_at=NOW - DAY, kind=QuestionType.SCALE)
    await writing.survey(runtime, opened_at=NOW - DAY, kind=QuestionType.TEXT)
    await writing.survey(runtime, opened_at=NOW - DAY, ward_codes=["E05016377"])
    await writing.survey(runtime, opened_at=NOW - DAY, for_board=True)
    choices = [[label for _, label in survey["choices"]] for survey in (await gather(town))["asked"]]
    assert choices == [["Yes", "No"], ["1", "2", "3", "4", "5"], []]


async def test_what_the_ward_said_is_told_once_after_closing(runtime: Runtime, town: Town) -> None:
    answers = {town.southwick: (21, 10), town.fulwell: (8, 12)}
    await writing.survey(runtime, opened_at=NOW - WEEK, closed_at=NOW - DAY, answers=answers, asked=5)
    await writing.survey(runtime, opened_at=NOW - 4 * WEEK, closed_at=NOW - 2 * WEEK, answers=answers)
    (said,) = (await gather(town))["said"]
    assert said["place"] == {"kind": "ward", "name": "Southwick"}
    assert (said["asked"], said["answered"]) == (36, 31)
    yes, no = said["questions"][0]["rows"]
    assert [(row["label"], row["count"]) for row in (yes, no)] == [("Yes", 21), ("No", 10)]
    assert (round(yes["low"], 3), round(yes["high"], 3)) == (0.501, 0.814)  # how far chance alone may move it, as in the briefing


async def test_surveys_that_do_not_fit_are_counted_and_none_is_dropped(runtime: Runtime, town: Town) -> None:
    for number in range(5):
        await writing.survey(runtime, title=f"Closed {number}", opened_at=NOW - WEEK, closed_at=NOW - (5 - number) * timedelta(hours=1))
    for number in range(8):
        await writing.survey(runtime, title=f"Open {number}", opened_at=NOW - DAY + number * timedelta(minutes=1))
    found, briefed = await gather(town), await gather(town, for_councillors=True)
    assert [survey["title"] for survey in found["asked"]] == [f"Open {number}" for number in range(8)]
    assert ([survey["title"] for survey in found["said"]], found["more_said"]) == (["Closed 2", "Closed 3", "Closed 4"], 2)
    assert [survey["title"] for survey in briefed["surveys"]] == ["Closed 2", "Closed 3", "Closed 4", "Open 0", "Open 1", "Open 2"]
    assert (briefed["more_closed"], briefed["more_open"]) == (2, 5)


async def test_a_ward_with_too_few_answers_reads_what_its_area_or_city_said_and_no_small_number(runtime: Runtime, town: Town) -> None:
    await writing.survey(runtime, opened_at=NOW - WEEK, closed_at=NOW - DAY, answers={town.southwick: (2, 1), town.fulwell: (30, 20)})
    (said,) = (await gather(town))["said"]
    assert said["place"] is None or said["place"]["kind"] != "ward"
    numbers = [row["count"] for question in said["questions"] for row in question["rows"]]
    assert not {1, 2, 3, 4} & set(numbers)


@pytest.mark.parametrize(("title", "is_one"), [("Do you want a zebra crossing?", True), ("Do you want…", True), ("A crossing", False)])
async def test_a_title_that_is_the_only_question_is_noticed_once_for_all_letters(
    runtime: Runtime, town: Town, title: str, is_one: bool
) -> None:
    await writing.survey(runtime, title=title, opened_at=NOW - DAY)
    await writing.survey(runtime, title=title, opened_at=NOW - WEEK, closed_at=NOW - DAY, answers={town.southwick: (21, 10)})
    digest, briefed = await gather(town), await gather(town, for_councillors=True)
    closed = [survey for survey in briefed["surveys"] if not survey["is_open"]]
    heading = "Do you want a zebra crossing?" if is_one else title
    for survey in (*digest["asked"], *digest["said"], *closed):
        assert (survey["heading"], survey["is_one"]) == (heading, is_one)


@pytest.mark.parametrize("answers", [(0, 0), (0, 3), (2, 1)])
async def test_a_question_without_a_number_to_show_has_no_rows(runtime: Runtime, town: Town, answers: tuple[int, int]) -> None:
    await writing.survey(runtime, opened_at=NOW - WEEK, closed_at=NOW - DAY, answers={town.southwick: answers}, asked=40)
    (said,) = (await gather(town))["said"]
    assert said["place"] is None and said["questions"] == []
    (survey,) = (await gather(town, for_councillors=True))["surveys"]
    assert [question["rows"] for question in survey["questions"]] == [[]]


async def test_reports_made_and_fixed_this_week_are_told_without_the_residents_words(runtime: Runtime, town: Town) -> None:
    await writing.report(runtime, "SR-7K3M2", town.southwick, at=NOW - DAY)
    await writing.report(runtime, "SR-9QX41", town.southwick, at=NOW - 3 * WEEK, status=IssueStatus.FIXED, fixed_at=NOW - DAY)
    await writing.report(runtime, "SR-OTHER", town.fulwell, at=NOW - DAY)
    found = await gather(town)
    assert (found["reports"]["made"], found["reports"]["fixed"]) == (1, 1)
    assert found["reports"]["examples"] == [{"reference": "SR-9QX41", "category": "Litter", "note": "Swept on Tuesday."}]
    assert "Private words" not in json.dumps(found)


async def test_the_briefing_puts_the_ward_beside_its_area_and_the_city_with_intervals(runtime: Runtime, town: Town) -> None:
    roker = Ward(code="E05016389", name="Roker", area_id=None, valid_from=date(2026, 5, 7))
    await town.add(roker)
    answers = {town.southwick: (21, 10), town.fulwell: (18, 22), roker.id: (40, 40)}
    await writing.survey(runtime, opened_at=NOW - WEEK, closed_at=NOW - DAY, answers=answers, asked=9)
    found = await gather(town, for_councillors=True)
    (survey,) = found["surveys"]
    question = survey["questions"][0]
    assert [(group["kind"], group["name"], group["answered"]) for group in question["groups"]] == [
        ("ward", "Southwick", 31),
        ("area", "North", 71),
        ("city", "", 151),
    ]
    yes = question["rows"][0]["cells"]
    assert [round(cell["share"], 3) for cell in yes] == [0.677, 0.549, 0.523]
    assert (round(yes[0]["low"], 3), round(yes[0]["high"], 3)) == (0.501, 0.814)  # Wilson, as scipy has it
    assert found["steps"][0] == {"kind": "tell", "title": "A crossing at the Green", "url": survey["url"]}


async def test_a_survey_of_one_ward_has_one_column(runtime: Runtime, town: Town) -> None:
    await writing.survey(runtime, opened_at=NOW - WEEK, closed_at=NOW - DAY, answers={town.southwick: (21, 10)}, ward_codes=["E05016391"])
    (survey,) = (await gather(town, for_councillors=True))["surveys"]
    assert [group["kind"] for group in survey["questions"][0]["groups"]] == ["ward"]


async def test_the_briefing_counts_reports_and_says_which_to_chase(runtime: Runtime, town: Town) -> None:
    await writing.report(runtime, "SR-OLD22", town.southwick, at=NOW - timedelta(days=15))
    await writing.report(runtime, "SR-NEW22", town.southwick, at=NOW - timedelta(days=14))
    await writing.report(runtime, "SR-FIX22", town.southwick, at=NOW - WEEK, status=IssueStatus.FIXED, fixed_at=NOW - DAY)
    found = await gather(town, for_councillors=True)
    assert found["reports"]["rows"] == [{"category": "Litter", "reported": 2, "in_progress": 0, "fixed": 1, "closed": 0}]
    assert [step["reference"] for step in found["steps"] if step["kind"] == "chase"] == ["SR-OLD22"]
    assert [report["days"] for report in found["reports"]["oldest"]] == [15, 14]


async def test_whom_to_ask_about_an_old_report_is_named_with_an_address(runtime: Runtime, town: Town) -> None:
    await writing.report(runtime, "SR-OLD22", town.southwick, at=NOW - timedelta(days=15))
    press = BriefingPress(Letters(runtime.templates), runtime.templates)
    letter = press.letter(await gather(town, for_councillors=True), name="Carl")
    assert "Ask the response team about SR-OLD22 (Litter)." in letter.text
    await town.add(ResponseTeam(name="North Streets", email="north@council.example"))
    letter = press.letter(await gather(town, for_councillors=True), name="Carl")
    assert "Ask North Streets (north@council.example) about SR-OLD22 (Litter). It has waited 15 days." in letter.text
    assert 'href="mailto:north@council.example"' in letter.html


async def test_an_open_survey_that_few_answered_is_a_thing_to_mention_and_its_answers_stay_closed(runtime: Runtime, town: Town) -> None:
    await writing.survey(runtime, opened_at=NOW - DAY, answers={town.southwick: (6, 0), town.fulwell: (9, 9)}, asked=94)
    found = await gather(town, for_councillors=True)
    (survey,) = found["surveys"]
    assert survey["is_open"] and survey["questions"] == []
    closes_at = (NOW + 29 * DAY).isoformat()
    assert {"kind": "few", "title": "A crossing at the Green", "asked": 100, "closes_at": closes_at} in found["steps"]
    letter = BriefingPress(Letters(runtime.templates), runtime.templates).letter(found, name="Carl")
    assert "Few of the 100 people asked have answered “A crossing at the Green” so far. It closes on Saturday 19 December:" in letter.text


async def test_two_looks_at_a_network_do_not_tell_who_joined_between_them(runtime: Runtime, town: Town) -> None:
    await writing.notice(runtime, "Something", on=date(2026, 11, 24), ward_id=None, created_at=NOW - DAY)
    press, looks = BriefingPress(Letters(runtime.templates), runtime.templates), set()
    for people in range(1, 10):
        await town.subscriber()
        if people >= 5:
            looks.add(press.letter(await gather(town, for_councillors=True), name="Carl").text.partition("YOUR NETWORK")[2][:200])
    (said,) = looks
    assert "At least 5 people in your ward have signed up." in said


@pytest.mark.parametrize(("people", "size"), [(0, 0), (4, None), (5, 5), (7, 5)])
async def test_the_size_of_a_network_of_very_few_is_not_told(runtime: Runtime, town: Town, people: int, size: int | None) -> None:
    await writing.notice(runtime, "Something", on=date(2026, 11, 24), ward_id=None, created_at=NOW - DAY)
    for _ in range(people):
        await town.subscriber()
    found = await gather(town, for_councillors=True)
    assert found["network"]["size"] == size
    assert found["steps"][-1]["kind"] == "share"


async def test_what_was_gathered_can_be_read_by_email_and_in_the_chat(runtime: Runtime, town: Town) -> None:
    answers = {town.southwick: (21, 10), town.fulwell: (1, 12)}
    await writing.survey(runtime, opened_at=NOW - WEEK, closed_at=NOW - DAY, answers=answers)
    await writing.survey(runtime, opened_at=NOW - DAY, answers=answers)
    await writing.notice(runtime, "Something", on=date(2026, 11, 24), ward_id=None, created_at=NOW - DAY)
    await writing.report(runtime, "SR-7K3M2", town.southwick, at=NOW - timedelta(days=30))
    letters = Letters(runtime.templates)
    for ward_id in (town.southwick, town.fulwell):
        press = DigestPress(letters, runtime.links)
        digest = press.letter(press.stencil(await gather(town, ward_id=ward_id)), resident_id=1, name="Grace")
        told = BriefingPress(letters, runtime.templates)
        found = await gather(town, ward_id=ward_id, for_councillors=True)
        assert "A crossing at the Green" in digest.html and "A crossing at the Green" in told.letter(found, name="Carl").text
        assert told.message(found, name="Carl").text


def test_long_words_are_cut_at_a_space() -> None:
    assert contents.cut("one two three", 20) == "one two three"
    assert contents.cut("one two three", 10) == "one two…"
    assert contents.cut("x" * 30, 10) == "xxxxxxxxx…"
