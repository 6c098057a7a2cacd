"""Spam: SpamAssassin's own rules, without the network, see nothing in our letters that smells of spam."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
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
LETTERS = (*ORDINARY, *OTHERS)
GTUBE = b"XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X"  # what every filter must take for spam

pytestmark = pytest.mark.skipif(
    shutil.which("spamassassin") is None and not os.environ.get("CI"), reason="SpamAssassin is not installed (apt install spamassassin)"
)


SEPARATOR = b"From somebody Fri Nov 20 16:00:00 2026\n"


def judge(letters: Mapping[str, bytes], home: Path) -> dict[str, tuple[float, str]]:
    """The score of each letter as it would arrive, and the rules that it meets; one run, since starting takes longest."""
    told = subprocess.run(
        ["spamassassin", "-L", "-t", "--mbox", "--siteconfigpath=/etc/spamassassin", f"--prefspath={home / 'user_prefs'}"],
        input=b"".join(SEPARATOR + raw.replace(b"\r\n", b"\n") + b"\n" for raw in letters.values()),
        capture_output=True,
        check=True,
        env={**os.environ, "HOME": str(home), "LC_ALL": "C"},
    ).stdout
    names = {_message_id(raw): name for name, raw in letters.items()}
    # They come back in any order.
    verdicts = {names[_message_id(one)]: _verdict(one) for one in told.split(SEPARATOR)[1:]}
    assert verdicts.keys() == letters.keys()
    return verdicts


def _message_id(letter: bytes) -> bytes:
    return re.findall(rb"^Message-ID: (\S+)", letter, re.MULTILINE)[0]


def _verdict(judged: bytes) -> tuple[float, str]:
    found = re.search(r"^X-Spam-Status: \w+, score=(-?[\d.]+).*?tests=(.*?)\s+autolearn", judged.decode(), re.MULTILINE | re.DOTALL)
    assert found is not None, judged[:500]
    return float(found[1]), "".join(found[2].split())


def test_no_letter_smells_of_spam_and_what_does_is_noticed(mails: dict[str, Mail], tmp_path: Path) -> None:
    assert not any(line.startswith(b"From ") for name in LETTERS for line in mails[name].raw.splitlines())
    small = mails["digest-small"].raw
    spam = small.replace(b"Subject: This week", b"Subject: " + GTUBE).replace(b"Message-ID: <", b"Message-ID: <spam")
    verdicts = judge({name: mails[name].raw for name in LETTERS} | {"spam": spam}, tmp_path)
    assert {name: verdict for name, verdict in verdicts.items() if verdict[0] > MOST} == {"spam": verdicts["spam"]}
    assert verdicts["spam"][0] > 100
