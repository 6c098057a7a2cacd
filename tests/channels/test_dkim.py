"""Dkim: what we sign is verified by dkimpy, whatever stands in the message, and nothing under a signature can be changed."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from intouch import settings as settings_module
from intouch.channels import dkim, mime
from intouch.letters import Letter
from tests.channels import dkim_oracle

NOW = datetime(2026, 11, 20, 16, 0, tzinfo=UTC)
FROM = "In Touch <news@council.example>"
RSA = dkim.of("rsa1", rsa.generate_private_key(65537, 2048))
ED25519 = dkim.of("ed1", ed25519.Ed25519PrivateKey.generate())
BOTH = dkim.Signer("council.example", (RSA, ED25519))
HEADERS = {
    "List-Id": "<digest.e05016391.council.example>",
    "List-Unsubscribe": "<https://council.example/unsubscribe/abc>",
    "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    "Feedback-ID": "2026-W47:e05016391:digest:intouch",
}
LETTER = Letter("This week in Southwick", "<p>Hello  Grace,</p>\n<p>bins \t</p>\n\n", "Hello  Grace,\n\n bins \n\n", HEADERS)


def compose(letter: Letter = LETTER, name: str = "Grace") -> bytes:
    return mime.compose(letter, sender=FROM, recipient="grace@example.org", message_id="<1@council.example>", at=NOW, recipient_name=name)


def verdicts(message: bytes, *keys: dkim.Key) -> list[bool]:
    return dkim_oracle.verdicts(message, "council.example", *(keys or BOTH.keys))


def test_both_signatures_are_verified_and_the_message_stays_as_it_was() -> None:
    message = compose()
    signed = BOTH.sign(message)
    assert verdicts(signed) == [True, True]
    assert signed.endswith(message)
    assert signed.count(b"a=rsa-sha256") == signed.count(b"a=ed25519-sha256") == 1
    assert max(map(len, signed.split(b"\r\n"))) <= 100


def test_a_receiver_that_knows_only_one_of_the_keys_verifies_that_one() -> None:
    signed = BOTH.sign(compose())
    assert verdicts(signed, RSA) == [True, False]
    assert verdicts(signed, ED25519) == [False, True]


def test_the_same_message_gets_the_same_signatures_again() -> None:
    assert BOTH.sign(compose()) == BOTH.sign(compose())


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=300)
LINE = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=60)


@settings(max_examples=60)
@given(TEXT, TEXT, LINE, LINE)
def test_whatever_people_write_the_signatures_hold(html: str, text: str, subject: str, name: str) -> None:
    assert verdicts(BOTH.sign(compose(Letter(subject, html, text, HEADERS), name))) == [True, True]


@settings(max_examples=80)
@given(st.lists(st.sampled_from([b" ", b"\t", b"\r\n", b"a", b"=\r\n", b".", b"  \r\n"]), max_size=30))
def test_any_body_is_brought_into_the_relaxed_form_that_dkimpy_knows(pieces: list[bytes]) -> None:
    message = b"From: a@council.example\r\nSubject: x\r\n\r\n" + b"".join((*pieces, b"\r\n"))  # as SMTP ends them all
    assert verdicts(BOTH.sign(message)) == [True, True]


@pytest.mark.parametrize(
    "header", ["From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Content-Type", "Auto-Submitted", *HEADERS]
)
def test_no_header_that_matters_can_be_changed_or_taken_away(header: str) -> None:
    signed = BOTH.sign(compose())
    line = next(line for line in signed.split(b"\r\n") if line.startswith(f"{header}: ".encode()) or line.startswith(f"{header}:".encode()))
    assert verdicts(signed.replace(line, f"{header}: something else".encode(), 1)) == [False, False]


@pytest.mark.parametrize("header", [b"From", b"Subject", b"Reply-To", b"List-Unsubscribe", b"List-Unsubscribe-Post", b"Content-Type"])
def test_no_second_header_can_be_slipped_in(header: bytes) -> None:
    signed = BOTH.sign(compose())
    added = signed.replace(b"From: In Touch", header + b": mallory@evil.example\r\nFrom: In Touch", 1)
    assert verdicts(added) == [False, False]


def test_not_a_word_of_the_body_can_be_changed_but_spaces_may_grow() -> None:
    signed = BOTH.sign(compose())
    assert verdicts(signed.replace(b"Grace,", b"Graze,", 1)) == [False, False]
    assert verdicts(signed.replace(b"</p>\r\n", b"</p> \r\n") + b"\r\n\r\n") == [True, True]


def test_a_signature_survives_headers_folded_anew() -> None:
    signed = BOTH.sign(compose())
    assert verdicts(signed.replace(b"Subject: This week in", b"Subject:  This\r\n\tweek  in")) == [True, True]


def pem(key: object, password: bytes | None = None) -> bytes:
    lock = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, lock)  # type: ignore[attr-defined, no-any-return]


def test_keys_come_from_files_and_the_domain_from_the_sender(tmp_path: Path) -> None:
    (tmp_path / "rsa.pem").write_bytes(pem(rsa.generate_private_key(65537, 2048)))
    private = ed25519.Ed25519PrivateKey.generate()
    (tmp_path / "ed.pem").write_bytes(pem(private))
    chosen = settings_module.load(dkim_keys=f"one={tmp_path}/rsa.pem, two = {tmp_path}/ed.pem", email_from=FROM)
    signer = dkim.signer(chosen)
    assert signer is not None and signer.domain == "council.example"
    assert [(key.selector, key.algorithm, key.bits) for key in signer.keys] == [("one", "rsa", 2048), ("two", "ed25519", 256)]
    raw = private.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    assert signer.keys[1].host(signer.domain) == "two._domainkey.council.example"
    assert signer.keys[1].published == f"v=DKIM1; k=ed25519; p={base64.b64encode(raw).decode()}"
    assert verdicts(signer.sign(compose()), *signer.keys) == [True, True]
    assert dkim.signer(settings_module.load()) is None


@pytest.mark.parametrize(
    ("contents", "words"),
    [
        (None, "can't be read"),
        (b"-----BEGIN PRIVATE KEY-----\nSECRETSECRET\n-----END PRIVATE KEY-----\n", "no private key in PEM form"),
        (pem(ed25519.Ed25519PrivateKey.generate(), b"password"), "without a password"),
        (pem(ec.generate_private_key(ec.SECP256R1())), "takes RSA and Ed25519"),
        (b"\x00\xff" * 40, "no private key in PEM form"),
    ],
)
def test_a_key_that_cannot_be_used_is_named_and_never_shown(contents: bytes | None, words: str, tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    if contents is not None:
        path.write_bytes(contents)
    with pytest.raises(dkim.BadKey) as error:
        dkim.keys(f"one={path}")
    assert words in str(error.value) and str(path) in str(error.value)
    assert "SECRET" not in str(error.value)
    assert error.value.__context__ is None or error.value.__suppress_context__


@pytest.mark.parametrize("setting", ["rsa.pem", "=rsa.pem", "a b=rsa.pem", "x;d=evil.example=rsa.pem"])
def test_a_setting_without_a_selector_is_refused(setting: str) -> None:
    with pytest.raises(dkim.BadKey, match="selector=file"):
        dkim.keys(setting)


def test_one_selector_for_two_keys_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ed.pem").write_bytes(pem(ed25519.Ed25519PrivateKey.generate()))
    with pytest.raises(dkim.BadKey, match="twice"):
        dkim.keys(f"one={tmp_path}/ed.pem,one={tmp_path}/ed.pem")


def test_a_short_rsa_key_is_refused() -> None:
    class Short(rsa.RSAPrivateKeyWithSerialization):
        key_size = 512

    Short.__abstractmethods__ = frozenset()
    with pytest.raises(dkim.BadKey, match="512 bits"):
        dkim.of("one", Short())  # type: ignore[abstract]


def test_a_domain_that_is_none_is_refused() -> None:
    with pytest.raises(dkim.BadKey, match="DKIM_DOMAIN"):
        dkim.Signer("localhost", (RSA,))


def test_ed25519_signs_the_hash_of_the_headers() -> None:
    private = ed25519.Ed25519PrivateKey.generate()
    signature = dkim.of("one", private).sign(b"headers")
    private.public_key().verify(signature, hashlib.sha256(b"headers").digest())
