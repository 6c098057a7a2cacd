"""Cases: contents of editions, from nothing much to as hostile as people can write, shared by the rendering tests."""

from __future__ import annotations

from typing import Any

HOSTILE = '<script>alert("x")</script> & {{ 7*7 }} {% raw %} \u202eright to left\u202c مرحبا שלום 🗑️👩‍👩‍👧 </p></td> \ue0000.0\ue001 '
LONG_WORD = "Llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch" * 3

NOTICE = {
    "kind": "roadworks",
    "title": "Church Bank closed for resurfacing",
    "text": "Buses 2 and 20 stop at Southwick Green instead.",
    "url": "https://council.example/r/1?a=1&b=2",
    "starts_on": "2026-11-23",
    "ends_on": "2026-11-27",
}
ASKED = {
    "id": 1,
    "title": "Bins in Southwick",
    "why": "The council may change collection days.",
    "closes_at": "2026-12-05T18:00:00+00:00",
    "question": {"id": 2, "text": "Should bins be emptied on Mondays?"},
    "choices": [[3, "Yes, Mondays"], [4, "No, keep Fridays"]],
    "more": 2,
}
SAID_ROWS: list[dict[str, Any]] = [{"label": "Yes", "count": 21, "share": 0.677}, {"label": "No", "count": 10, "share": 0.323}]
SAID = {
    "id": 4,
    "title": "A crossing at Southwick Green",
    "url": "https://intouch.example/results/4",
    "place": {"kind": "ward", "name": "Southwick"},
    "asked": 64,
    "answered": 31,
    "more": 1,
    "questions": [
        {"text": "Do you want a zebra crossing?", "is_text": False, "said": 31, "rows": SAID_ROWS},
        {"text": "Where?", "is_text": True, "said": 12, "rows": []},
    ],
}


def digest(**parts: Any) -> dict[str, Any]:
    """A digest that says nothing but what is given."""
    nothing = {"asked": [], "said": [], "notices": [], "more_notices": 0, "reports": {"made": 0, "fixed": 0, "examples": []}}
    return {"ward": "Southwick", "code": "E05016391", "on": "2026-11-20", **nothing, **parts}


EMPTY = digest()
SMALL = digest(notices=[{**NOTICE, "text": "", "url": "", "ends_on": ""}])
LARGE = digest(
    asked=[
        {**ASKED, "id": number, "choices": [[number * 20 + option, f"Answer {option} " + "words " * 8] for option in range(10)]}
        for number in range(4)
    ]
    + [
        {
            **ASKED,
            "id": 9,
            "question": {"id": 8, "text": "How safe do you feel after dark?"},
            "choices": [[n, str(n)] for n in range(1, 6)],
        },
        {**ASKED, "id": 10, "choices": [], "more": 0},
        {**ASKED, "id": 11, "title": "Buses in the evening"},
    ],
    said=[{**SAID, "questions": [{"text": "Q" * 100, "is_text": False, "said": 31, "rows": SAID_ROWS * 5}] * 3}] * 3,
    more_said=2,
    reports={
        "made": 1234,
        "fixed": 987,
        "examples": [{"reference": "SR-7K3M2", "category": "Fly-tipping", "note": "Taken away. " * 20}] * 5,
    },
    notices=[{**NOTICE, "text": "words " * 50}] * 20,
    more_notices=31,
)
HIDDEN = {"text": HOSTILE, "is_text": False, "said": None, "rows": [{"label": HOSTILE, "count": None, "share": None}]}
HOSTILE_DIGEST = digest(
    ward=HOSTILE,
    asked=[
        {**ASKED, "title": HOSTILE, "why": LONG_WORD, "question": {"id": 2, "text": HOSTILE}, "choices": [[3, HOSTILE], [4, LONG_WORD]]}
    ],
    said=[{**SAID, "title": HOSTILE, "place": {"kind": "area", "name": HOSTILE}, "answered": None, "questions": [HIDDEN]}],
    reports={"made": 1, "fixed": 1, "examples": [{"reference": "SR-7K3M2", "category": HOSTILE, "note": HOSTILE}]},
    notices=[{**NOTICE, "kind": HOSTILE, "title": LONG_WORD, "text": HOSTILE, "url": 'https://x.example/"><script>'}],
)
ORDINARY = digest(
    asked=[ASKED],
    said=[SAID],
    notices=[NOTICE],
    reports={
        "made": 7,
        "fixed": 2,
        "examples": [{"reference": "SR-7K3M2", "category": "Fly-tipping", "note": "Two mattresses taken away."}],
    },
)

_CELLS = [
    {"share": 0.677, "low": 0.501, "high": 0.814},
    {"share": 0.55, "low": 0.47, "high": 0.63},
    {"share": 0.5, "low": 0.48, "high": 0.52},
]
GROUPS = [
    {"kind": "ward", "name": "Southwick", "answered": 31},
    {"kind": "area", "name": "North", "answered": 140},
    {"kind": "city", "name": "", "answered": None},
]
COMPARED = {
    "id": 4,
    "title": "A crossing at Southwick Green",
    "url": "https://intouch.example/results/4",
    "is_open": False,
    "asked": 64,
    "answered": 31,
    "more": 0,
    "questions": [
        {
            "text": "Do you want a zebra crossing?",
            "is_text": False,
            "said": 31,
            "groups": GROUPS,
            "rows": [{"label": "Yes", "cells": _CELLS}, {"label": "No", "cells": [None, _CELLS[1], _CELLS[2]]}],
        }
    ],
}
REPORT = {"reference": "SR-7K3M2", "category": "Fly-tipping", "status": "reported", "days": 23}


def briefing(**parts: Any) -> dict[str, Any]:
    """A briefing that says nothing but what is given."""
    nothing = {
        "surveys": [],
        "reports": {"rows": [], "made": 0, "fixed": 0, "oldest": []},
        "notices": [],
        "more_notices": 0,
        "network": {"size": None, "growth": 0, "smallest": 5},
        "steps": [{"kind": "listen"}],
    }
    names = {"ward": "Southwick", "code": "E05016391", "area": "North", "on": "2026-11-23", "join_url": "https://intouch.example/join"}
    return {**names, **nothing, **parts}


STEPS = [
    {"kind": "chase", **REPORT},
    {"kind": "tell", "title": "A crossing at Southwick Green"},
    {"kind": "few", "title": "Bins in Southwick", "asked": 60},
    {"kind": "share", "size": None},
    {"kind": "listen"},
]
BRIEFING = briefing(
    surveys=[COMPARED, {**COMPARED, "id": 5, "title": "Bins in Southwick", "is_open": True, "answered": None, "questions": [], "url": ""}],
    reports={
        "rows": [{"category": "Fly-tipping", "reported": 4, "in_progress": 2, "fixed": 11, "closed": 1}],
        "made": 3,
        "fixed": 2,
        "oldest": [REPORT],
    },
    notices=[NOTICE],
    network={"size": 120, "growth": 5, "smallest": 5},
    steps=STEPS,
)
HOSTILE_BRIEFING = briefing(
    ward=HOSTILE,
    surveys=[{**COMPARED, "title": HOSTILE, "questions": [{"text": HOSTILE, "is_text": True, "said": 7, "groups": GROUPS, "rows": []}]}]
    * 5,
    reports={
        "rows": [{"category": HOSTILE, "reported": 4, "in_progress": 2, "fixed": 11, "closed": 1}],
        "made": 3,
        "fixed": 2,
        "oldest": [{**REPORT, "category": LONG_WORD}] * 5,
    },
    notices=[{**NOTICE, "title": HOSTILE}],
    steps=[{"kind": "chase", **REPORT, "category": LONG_WORD}, {"kind": "tell", "title": HOSTILE}],
)
