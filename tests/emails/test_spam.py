"""Spam: SpamAssassin's own rules, without the network, see nothing in our letters that smells of spam."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from intouch.demo.mailbox import Mail

MOST = 1.0
ORDINARY = ("digest-small", "digest-ordinary", "digest-large", "briefing-small", "briefing-ordinary", "briefing-large")
OTHERS = (
    "confirm_email-consent",
    "already_joined-plain",
    "ask_ward-plain",
    "issue_update-fixed",
    "survey_invitation-single",
    "survey_outcome-single",
)
GTUBE = b"XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"  # what every filter must take for spam

pytestmark = pytest.mark.skipif(
    shutil.which("spamassassin") is None and not os.environ.get("CI"), reason="SpamAssassin is not installed (apt install spamassassin)"
)


def judge(mails: Sequence[Mail], home: Path) -> list[tuple[float, str]]:
    """The score of each mail as it would arrive, and the rules that it meets; one run, since starting takes longest."""
    told = subprocess.run(
        ["spamassassin", "-L", "-t", "--mbox", "--siteconfigpath=/etc/spamassassin", f"--prefspath={home / 'user_prefs'}"],
        input=b"".join(b"From somebody Fri Nov 20 16:00:00 2026\n" + mail.raw.replace(b"\r\n", b"\n") + b"\n" for mail in mails),
        capture_output=True,
        check=True,
        env={**os.environ, "HOME": str(home), "LC_ALL": "C"},
    ).stdout.decode("utf-8", "replace")
    verdicts = re.findall(r"^X-Spam-Status: \w+, score=(-?[\d.]+).*?tests=(.*?)\s+autolearn", told, re.MULTILINE | re.DOTALL)
    assert len(verdicts) == len(mails), told[:500]
    return [(float(score), "".join(rules.split())) for score, rules in verdicts]


def test_no_letter_smells_of_spam(mails: dict[str, Mail], tmp_path: Path) -> None:
    names = (*ORDINARY, *OTHERS)
    assert not any(line.startswith(b"From ") for name in names for line in mails[name].raw.splitlines())
    scores = dict(zip(names, judge([mails[name] for name in names], tmp_path), strict=True))
    assert {name: score for name, score in scores.items() if score[0] > MOST} == {}


def test_what_does_smell_is_noticed(mails: dict[str, Mail], tmp_path: Path) -> None:
    raw = mails["digest-small"].raw.replace(b"Subject: This week", b"Subject: " + GTUBE)
    bad = Mail(0, "", (), raw, mails["digest-small"].received_at)
    assert judge([bad], tmp_path)[0][0] > 100
