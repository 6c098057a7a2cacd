"""A report from its first word to its reference."""

import itertools
import secrets

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from intouch.errors import BadInput, Closed, NotFound
from intouch.issues import categories, following, references, reporting
from intouch.issues.models import IssuePhoto, IssueReport, IssueStatus, IssueUpdate
from intouch.issues.reporting import Step
from intouch.runtime import Runtime
from tests.issues.cast import CATEGORIES, IN_FULWELL, IN_SOUTHWICK, IN_THE_SEA, NOW, TODAY, Cast, a_draft, a_photo, a_report, seed


@pytest.mark.parametrize("answers", list(itertools.product([False, True], repeat=4)))
def test_the_next_question_is_the_first_thing_that_is_missing(answers: tuple[bool, ...]) -> None:
    category, photo, place, description = answers
    report = IssueReport(
        category="litter" if category else "",
        has_photo_step_done=photo,
        place="High Street" if place else "",
        longitude=None,
        description="Bottles" if description else "",
    )
    expected = next((step for step, is_there in zip(Step, answers, strict=False) if not is_there), Step.CONFIRM)
    assert reporting.next_step(report) is expected


def test_a_location_is_a_place_too() -> None:
    report = IssueReport(category="litter", has_photo_step_done=True, place="", longitude=0.0, latitude=51.5, description="")
    assert reporting.next_step(report) is Step.DESCRIPTION


async def test_saying_report_twice_makes_one_draft(runtime: Runtime) -> None:
    async with runtime.sessions.write() as session:
        cast = await seed(session)
        first = await reporting.begin(session, cast.alice, now=NOW)
        assert reporting.is_empty(first)
        assert (await reporting.begin(session, cast.alice, now=NOW)).id == first.id
        assert (await reporting.begin(session, cast.bob, now=NOW)).id != first.id
        assert await session.scalar(sa.select(sa.func.count()).select_from(IssueReport)) == 2


async def test_a_report_gets_its_reference_ward_team_and_first_update(runtime: Runtime) -> None:
    async with runtime.sessions.write() as session:
        cast = await seed(session)
        draft = await a_draft(session, cast.bob)
        sent = await reporting.send_in(session, draft.id, resident_id=cast.bob, categories=CATEGORIES, on=TODAY, now=NOW)
        assert references.normalise(sent.report.reference or "") == sent.report.reference
        assert (sent.report.status, sent.report.ward_id, sent.report.reported_at) == (IssueStatus.REPORTED, cast.southwick, NOW)
        assert sent.team is not None and sent.team.name == "North response team"
        history = await following.own_history(session, draft.id, resident_id=cast.bob)
        assert [(update.status, update.note) for update in history.updates] == [(IssueStatus.REPORTED, "")]
        assert (history.ward, history.team, history.photos) == ("Southwick", "North response team", 0)


async def test_sending_twice_gives_one_reference(runtime: Runtime) -> None:
    async with runtime.sessions.write() as session:
        cast = await seed(session)
        draft = await a_draft(session, cast.alice)
    sent = []
    for _ in range(2):
        async with runtime.sessions.write() as session:
            sent.append(await reporting.send_in(session, draft.id, resident_id=cast.alice, categories=CATEGORIES, on=TODAY, now=NOW))
    assert sent[0].report.reference == sent[1].report.reference
    assert sent[1].team is not None
    async with runtime.sessions.read() as session:
        assert await session.scalar(sa.select(sa.func.count()).select_from(IssueUpdate)) == 1


async def test_a_reference_that_is_taken_is_tried_again(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    letters = iter("22222" * 3 + "33333")
    monkeypatch.setattr(secrets, "choice", lambda _: next(letters))
    async with runtime.sessions.write() as session:
        cast = await seed(session)
        assert (await a_report(session, cast.alice)).reference == "SR-22222"
        assert (await a_report(session, cast.bob)).reference == "SR-33333"
    async with runtime.sessions.read() as session:
        statuses = set(await session.scalars(sa.select(IssueReport.status)))
        assert statuses == {IssueStatus.REPORTED}
        assert await session.scalar(sa.select(sa.func.count()).select_from(IssueUpdate)) == 2


async def test_nothing_is_sent_while_something_is_missing(runtime: Runtime) -> None:
    async with runtime.sessions.write() as session:
        cast = await seed(session)
        draft = await a_draft(session, cast.alice)
        reporting.change(draft, Step.PLACE, now=NOW)
        with pytest.raises(BadInput, match="missing"):
            await reporting.send_in(session, draft.id, resident_id=cast.alice, categories=CATEGORIES, on=TODAY, now=NOW)
        assert draft.reference is None


async def test_nobody_touches_a_report_of_somebody_else(runtime: Runtime) -> None:
    async with runtime.sessions.write() as session:
        cast = await seed(session)
        draft = await a_draft(session, cast.alice)
        with pytest.raises(NotFound):
            await reporting.draft(session, draft.id, resident_id=cast.bob)
        with pytest.raises(NotFound):
            await reporting.send_in(session, draft.id, resident_id=cast.bob, categories=CATEGORIES, on=TODAY, now=NOW)
        with pytest.raises(NotFound):
            await reporting.take_back(session, draft.id, resident_id=cast.bob, now=NOW)
        report = await a_report(session, cast.alice)
        with pytest.raises(NotFound):
            await following.own_history(session, report.id, resident_id=cast.bob)


@pytest.mark.parametrize("case", ["category", "area", "city", "nobody"])
async def test_the_team_is_the_categorys_else_the_areas_else_the_citys_else_nobody_yet(runtime: Runtime, case: str) -> None:
    names = categories.read('[[categories]]\nkey = "litter"\nname = "Litter"\nteam = "City response team"\n', filename="x.toml")
    unknown = categories.read('[[categories]]\nkey = "litter"\nname = "Litter"\nteam = "No such team"\n', filename="x.toml")
    async with runtime.sessions.write() as session:
        cast = await seed(session)
        draft = await a_draft(session, cast.bob)
        if case in ("city", "nobody"):
            longitude, latitude = IN_FULWELL
            await reporting.place_at(session, draft, longitude=longitude, latitude=latitude, on=TODAY, now=NOW)
        if case == "nobody":
            await session.execute(sa.text("DELETE FROM response_teams"))
        used = names if case == "category" else unknown
        sent = await reporting.send_in(session, draft.id, resident_id=cast.bob, categories=used, on=TODAY, now=NOW)
        expected = {"category": "City response team", "area": "North response team", "city": "City response team", "nobody": None}
        assert (sent.team.name if sent.team else None) == expected[case]


WORDS = {
    "outside 12 The Green, SR5 1AE please": "Southwick",
    "sr51ae": "Southwick",
    "ZZ9 9ZZ or SR5 1AE": "Southwick",
    "by the bus stop": "Fulwell",
    "near SR9 9ZZ": "Fulwell",
    "A1 2BCD": "Fulwell",
}


async def test_words_say_the_ward_by_a_postcode_that_we_know_else_it_is_the_residents_own(runtime: Runtime) -> None:
    async with runtime.sessions.write() as session:
        cast = await seed(session)
        for words, ward in WORDS.items():
            draft = await a_draft(session, cast.bob)
            await reporting.place_in_words(session, draft, words, on=TODAY, now=NOW)
            assert (draft.place, draft.longitude, draft.latitude) == (words, None, None)
            sent = await reporting.send_in(session, draft.id, resident_id=cast.bob, categories=CATEGORIES, on=TODAY, now=NOW)
            assert sent.report.ward_id == {"Southwick": cast.southwick, "Fulwell": cast.fulwell}[ward], words


async def test_a_place_outside_the_council_is_refused_and_the_old_one_kept(runtime: Runtime) -> None:
    async with runtime.sessions.write() as session:
        cast = await seed(session)
        draft = await a_draft(session, cast.alice)
        longitude, latitude = IN_THE_SEA
        with pytest.raises(NotFound):
            await reporting.place_at(session, draft, longitude=longitude, latitude=latitude, on=TODAY, now=NOW)
        assert (draft.longitude, draft.latitude, draft.ward_id) == (*IN_SOUTHWICK, cast.southwick)


async def test_three_photos_are_kept_the_same_one_once_and_a_fourth_is_refused(runtime: Runtime) -> None:
    async with runtime.sessions.write() as session:
        cast = await seed(session)
        draft = await reporting.begin(session, cast.alice, now=NOW)
        counts = [await reporting.add_photo(session, draft, a_photo(colour), now=NOW) for colour in ("red", "red", "blue")]
        assert counts == [1, 1, 2]
        assert not draft.has_photo_step_done
        assert await reporting.add_photo(session, draft, a_photo("green"), now=NOW) == 3
        assert draft.has_photo_step_done
        with pytest.raises(BadInput, match="3 photos are the most"):
            await reporting.add_photo(session, draft, a_photo("black"), now=NOW)
        assert await reporting.add_photo(session, draft, a_photo("red"), now=NOW) == 3
        await reporting.remove_photos(session, draft, now=NOW)
        assert await session.scalar(sa.select(sa.func.count()).select_from(IssuePhoto)) == 0
        assert not draft.has_photo_step_done


async def test_a_draft_thrown_away_can_be_taken_back_but_not_over_another_one(runtime: Runtime) -> None:
    async with runtime.sessions.write() as session:
        cast = await seed(session)
        draft = await a_draft(session, cast.alice)
        await reporting.cancel(session, draft.id, resident_id=cast.alice, now=NOW)
        assert await reporting.draft_of(session, cast.alice) is None
        with pytest.raises(Closed, match="threw that report away"):
            await reporting.send_in(session, draft.id, resident_id=cast.alice, categories=CATEGORIES, on=TODAY, now=NOW)
        assert (await reporting.take_back(session, draft.id, resident_id=cast.alice, now=NOW)).description == "Bottles beside the bench"
        await reporting.cancel(session, draft.id, resident_id=cast.alice, now=NOW)
        await reporting.begin(session, cast.alice, now=NOW)
        with pytest.raises(Closed, match="another report"):
            await reporting.take_back(session, draft.id, resident_id=cast.alice, now=NOW)


async def test_a_report_that_was_sent_takes_no_more_changes_and_says_its_reference(runtime: Runtime) -> None:
    async with runtime.sessions.write() as session:
        cast = await seed(session)
        report = await a_report(session, cast.alice)
        for touch in (
            reporting.draft(session, report.id, resident_id=cast.alice),
            _cancel(session, report, cast),
            _take(session, report, cast),
        ):
            with pytest.raises(Closed, match=report.reference):
                await touch


async def _cancel(session, report, cast: Cast) -> None:  # type: ignore[no-untyped-def]
    await reporting.cancel(session, report.id, resident_id=cast.alice, now=NOW)


async def _take(session, report, cast: Cast) -> None:  # type: ignore[no-untyped-def]
    await reporting.take_back(session, report.id, resident_id=cast.alice, now=NOW)


@given(st.text(max_size=1600))
def test_any_words_are_a_description_or_refused(text: str) -> None:
    report = IssueReport(description="")
    try:
        reporting.describe(report, text, now=NOW)
    except BadInput:
        assert report.description == ""
    else:
        assert 0 < len(report.description) <= reporting.LONGEST_DESCRIPTION
