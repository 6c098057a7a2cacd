"""Every button that a template shows leads somewhere."""

import re
from collections.abc import Collection, Mapping

import pytest

from intouch.bot import account, application, deliveries, officers, officers_results, reports, signup, surveys, ward
from intouch.templating import FOLDER

_DATA = re.compile(r"""["']([a-z]+):([a-z]*)""")
VERBS: Mapping[str, Collection[str]] = {
    "signup": signup._TAPS,
    "account": {*account._SETTINGS, *account._ERASING},
    "survey": surveys._TAPS,
    "report": reports._TAPS,
    "ward": ward._TAPS,
    "launch": officers._TAPS,
    "results": officers_results._TAPS,
    "deliveries": deliveries._ACTS,
}


def _buttons() -> set[tuple[str, str]]:
    found = (
        _DATA.findall(line) for file in FOLDER.glob("telegram/**/*.html") for line in file.read_text().splitlines() if "button(" in line
    )
    return {(room, verb) for line in found for room, verb in line if verb}


def test_every_room_of_buttons_is_looked_at() -> None:
    assert VERBS.keys() == application.TAPS.keys()
    assert len(_buttons()) > 40


@pytest.mark.parametrize(("room", "verb"), sorted(_buttons()))
def test_a_button_leads_somewhere(room: str, verb: str) -> None:
    assert verb in VERBS[room]
