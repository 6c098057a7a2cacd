"""Spam: SpamAssassin's own rules, without the network, see nothing in our letters that smells of spam."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
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


def judge(mail: Mail, home: Path) -> tuple[float, str]:
    """The score of a mail as it would arrive, and the rules that it meets."""
    home.mkdir(exist_ok=True)
    told = subprocess.run(
        ["spamassassin", "-L", "-t", "--siteconfigpath=/etc/spamassassin", f"--prefspath={home / 'user_prefs'}"],
        input=mail.raw,
        capture_output=True,
        check=True,
        env={**os.environ, "HOME": str(home), "LC_ALL": "C"},
    ).stdout.decode("utf-8", "replace")
    status = re.search(r"^X-Spam-Status: \w+, score=(-?[\d.]+).*?tests=(.*?)\s+autolearn", told, re.MULTILINE | re.DOTALL)
    assert status, told[:500]
    return float(status[1]), "".join(status[2].split())


def test_no_letter_smells_of_spam(mails: dict[str, Mail], tmp_path: Path) -> None:
    names = (*ORDINARY, *OTHERS)
    with ThreadPoolExecutor(2) as pool:
        scores = dict(zip(names, pool.map(lambda name: judge(mails[name], tmp_path / name), names), strict=True))
    assert {name: score for name, score in scores.items() if score[0] > MOST} == {}


def test_what_does_smell_is_noticed(mails: dict[str, Mail], tmp_path: Path) -> None:
    raw = mails["digest-small"].raw.replace(b"Subject: This week", b"Subject: " + GTUBE)
    bad = Mail(0, "", (), raw, mails["digest-small"].received_at)
    assert judge(bad, tmp_path / "bad")[0] > 100
