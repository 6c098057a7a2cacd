"""Signatures: what arrives at the other end of SMTP is still what both of the council's keys have signed."""

from __future__ import annotations

from pathlib import Path

from intouch.channels import dkim
from intouch.demo.mailbox import Mail
from tests.channels.dkim_oracle import verdicts


def test_every_letter_arrives_with_two_signatures_that_hold(mails: dict[str, Mail], post_office: Path) -> None:
    keys = dkim.keys(f"rsa={post_office / 'rsa.pem'}, ed={post_office / 'ed25519.pem'}")
    broken = {name: found for name, mail in mails.items() if (found := verdicts(mail.raw, "sunderland.example", *keys)) != [True, True]}
    assert broken == {}


def test_the_one_tap_that_unsubscribes_is_signed(mails: dict[str, Mail]) -> None:
    for signature in mails["digest-ordinary"].raw.split(b"\r\nFrom:")[0].split(b"DKIM-Signature:")[1:]:
        signed = b"".join(signature.split()).partition(b";h=")[2].partition(b";")[0].split(b":")
        assert signed.count(b"list-unsubscribe") == signed.count(b"list-unsubscribe-post") == 2  # once more than it stands there
