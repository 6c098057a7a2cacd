"""Saying: what commands print rules no terminal, and tells moments in one way."""

import json
import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from intouch.cli import saying

LONDON = ZoneInfo("Europe/London")


def test_json_has_every_moment_in_utc_and_no_character_that_rules(capsys: pytest.CaptureFixture[str]) -> None:
    at = datetime(2026, 7, 1, 12, 0, 0, 5, tzinfo=timezone(timedelta(hours=1)))
    value = {"at": at, "on": date(2026, 7, 1), "file": Path("a"), "said": "é\x1b\x9b\u202e"}
    saying.say_json(value)
    raw = capsys.readouterr().out
    assert "é" in raw and not {"\x1b", "\x9b", "\u202e"} & set(raw)
    assert json.loads(raw) == {"at": "2026-07-01T11:00:00+00:00", "on": "2026-07-01", "file": "a", "said": "é\x1b\x9b\u202e"}
    with pytest.raises(TypeError):
        saying.say_json({"what": object()})


@pytest.mark.parametrize(
    ("at", "words"),
    [
        (datetime(2026, 6, 30, 23, 0, tzinfo=UTC), "Wednesday 1 July 2026 at 12:00 am"),
        (datetime(2026, 12, 5, 12, 5, tzinfo=UTC), "Saturday 5 December 2026 at 12:05 pm"),
    ],
)
def test_a_moment_is_told_in_council_time_with_its_year(at: datetime, words: str) -> None:
    assert saying.moment(at, LONDON) == words


@pytest.mark.parametrize(
    ("minutes", "words"),
    [(-5, "0 minutes"), (1, "1 minute"), (119, "119 minutes"), (120, "2 hours"), (47 * 60 + 59, "47 hours"), (48 * 60, "2 days")],
)
def test_a_length_of_time_is_told_in_the_unit_that_fits(minutes: int, words: str) -> None:
    assert saying.span(timedelta(minutes=minutes)) == words


@pytest.mark.parametrize(("asked", "is_red"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)])
def test_a_terminal_gets_colours_unless_somebody_asked_for_none(tmp_path: Path, asked: dict[str, str], is_red: bool) -> None:
    ours, theirs = os.openpty()
    own = {"INTOUCH_DATA_DIR": str(tmp_path), "INTOUCH_SETTINGS": os.devnull, "TERM": "xterm", **asked}
    kept = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    words = [sys.executable, "-m", "intouch.cli", "delivery", "retry"]
    assert subprocess.run(words, env=kept | own, stderr=theirs, timeout=60, check=False).returncode == 1
    os.close(theirs)
    written = os.read(ours, 10_000).decode()
    os.close(ours)
    assert "Say which deliveries" in written and ("\x1b[31m" in written) is is_red
