"""Chat: the digest and the briefing as one message each, which tell of a survey as much as fits and where the rest is."""

from __future__ import annotations

from typing import Any

import pytest

from intouch.bot import ward
from intouch.digest.rendering import shown
from intouch.templating import TELEGRAM_TEXT_LIMIT, Templates
from tests.digest import cases

URL = "https://intouch.example/results/4"


def digest(templates: Templates, **parts: Any) -> str:
    contents = ward._short(cases.digest(**parts)) | {"ward": "Southwick", "is_subscribed": True, "has_email": True}
    return templates.telegram("ward/digest", **contents).text


def briefing(templates: Templates, **parts: Any) -> str:
    return templates.telegram("ward/briefing", **shown(cases.briefing(**parts)), name="Carl").text


def both(templates: Templates, questions: int, **parts: Any) -> list[str]:
    """The digest and the briefing of a survey with so many questions."""
    said = {**cases.SAID, **parts, "questions": [cases.SAID["questions"][0]] * questions}
    compared = {**cases.COMPARED, **parts, "questions": [cases.COMPARED["questions"][0]] * questions}
    return [digest(templates, said=[said]), briefing(templates, surveys=[compared])]


@pytest.mark.parametrize(
    ("questions", "more", "told"), [(1, 0, ""), (1, 1, "One more question"), (2, 0, "One more question"), (3, 2, "4 more questions")]
)
def test_how_many_questions_more_there_are_and_where_they_are_read(templates: Templates, questions: int, more: int, told: str) -> None:
    for said in both(templates, questions, more=more):
        assert (f'<a href="{URL}">{told}</a>' in said) if told else ("more question" not in said and f'<a href="{URL}">' in said)
        assert said.count("Do you want a zebra crossing?") == 1


def test_questions_that_no_page_shows_yet_are_counted_without_a_link(templates: Templates) -> None:
    for said in both(templates, 3, more=0, url=""):
        assert "2 more questions" in said and "<a " not in said


def test_a_title_that_is_the_question_is_said_once(templates: Templates) -> None:
    ask = "Do you want a zebra crossing?"
    for said in both(templates, 1, more=0, title=ask, heading=ask, is_one=True):
        assert said.count(ask) == 1


def test_the_digest_says_how_many_answered_and_that_they_chose_to(templates: Templates) -> None:
    said = digest(templates, said=[{**cases.SAID, "is_least": False}])
    assert "31 people answered, of 64 asked." in said and "chose to take part" in said
    assert "At least 31 people answered" in digest(templates, said=[{**cases.SAID, "is_least": True}])
    assert "chose to take part" not in digest(templates, asked=[cases.ASKED])


def test_surveys_that_do_not_fit_are_counted_with_the_way_to_them(templates: Templates) -> None:
    page = '<a href="https://intouch.example/results">'
    told = digest(templates, asked=[cases.ASKED] * 8, said=[cases.SAID] * 3, more_said=2)
    assert "and 5 more: /survey" in told and f"{page}2 more surveys have closed</a>" in told
    assert "more surveys" not in digest(templates, asked=[cases.ASKED] * 3, said=[cases.SAID] * 3)
    brief = briefing(templates, surveys=[cases.COMPARED] * 3 + [{**cases.COMPARED, "is_open": True}] * 3, more_closed=2, more_open=5)
    assert f"{page}2 more surveys have closed</a>" in brief and "8 more surveys are open" in brief
    assert "more survey" not in briefing(templates, surveys=[cases.COMPARED] * 3)


def test_the_longest_that_can_be_said_fits_one_message(templates: Templates) -> None:
    rows = [{"label": f"{at} " + "word " * 20, "count": 10000, "share": 0.1, "low": 0.1, "high": 0.2} for at in range(10)]
    said = {
        **cases.SAID,
        "title": "Title " * 17,
        "place": {"kind": "area", "name": "Area " * 8},
        "asked": 100000,
        "answered": 90000,
        "more": 7,
        "questions": [{"text": "Question " * 33, "is_text": False, "said": 90000, "rows": rows}] * 3,
    }
    notice = {**cases.NOTICE, "title": "Notice " * 28}
    asked = {**cases.ASKED, "title": "Title " * 17}
    longest = digest(templates, asked=[asked] * 6, said=[said] * 3, notices=[notice] * 20, reports=cases.LARGE["reports"])
    cells = [{"share": 0.1, "low": 0.1, "high": 0.2}] * 3
    question = {
        **cases.COMPARED["questions"][0],
        "text": "Question " * 33,
        "rows": [{"label": row["label"], "cells": cells} for row in rows],
    }
    survey = {**cases.COMPARED, "title": "Title " * 17, "questions": [question] * 3, "more": 7}
    briefed = briefing(
        templates,
        surveys=[survey] * 6,
        steps=[{"kind": "tell", "title": "Title " * 17, "url": URL}] * 5,
        reports={**cases.BRIEFING["reports"], "oldest": [cases.REPORT] * 5},
    )
    assert len(longest) <= TELEGRAM_TEXT_LIMIT and len(briefed) <= TELEGRAM_TEXT_LIMIT
