"""What Amazon SES and Postmark tell us, over HTTP to the real server, signed with a key and certificate made here."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID
from pydantic import SecretStr
from starlette.applications import Starlette

from intouch.bounces import sns
from intouch.bounces.models import BounceReport
from intouch.bounces.verp import ReturnPath
from intouch.outbox import addresses, enqueue
from intouch.outbox.models import Delivery, Lane, Road
from intouch.residents import subscriptions
from intouch.runtime import Runtime
from intouch.web.webhooks import Webhooks
from tests.conftest import ON_ONE_DATABASE

TOPIC = "arn:aws:sns:eu-west-2:123456789012:bounces"
CERTIFICATE = "https://sns.eu-west-2.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem"
CONFIRM = "https://sns.eu-west-2.amazonaws.com/?Action=ConfirmSubscription&Token=abc"
SECRET = "a-secret-of-postmark"

_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
_OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _certificate(now: datetime) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    built = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(_KEY.public_key())
    built = built.serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=300))
    return built.sign(_KEY, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


class Amazon:
    """Stands in for what is fetched from Amazon, and remembers what was."""

    def __init__(self, now: datetime) -> None:
        self.certificate = _certificate(now)
        self.asked: list[str] = []
        self.is_away = False

    async def fetch(self, url: str) -> bytes:
        self.asked.append(url)
        if self.is_away:
            raise OSError("away")
        return self.certificate


def signed(kind: str, message: str, *, version: str = "2", key: rsa.RSAPrivateKey = _KEY, **more: str) -> dict[str, Any]:
    """An SNS message as Amazon posts it."""
    body: dict[str, Any] = {
        "Type": kind,
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": TOPIC,
        "Message": message,
        "Timestamp": "2026-11-18T12:00:00.000Z",
        "SignatureVersion": version,
        "SigningCertURL": CERTIFICATE,
    } | more
    hashing = hashes.SHA1() if version == "1" else hashes.SHA256()
    body["Signature"] = base64.b64encode(key.sign(sns.to_sign(body), padding.PKCS1v15(), hashing)).decode()
    return body


def bounced(
    source: str,
    *,
    kind: str = "Permanent",
    status: str = "5.1.1",
    address: str = "grace@example.org",
    feedback: str = "f-1",
    words: str = "smtp; 550",
) -> str:
    return json.dumps(
        {
            "notificationType": "Bounce",
            "bounce": {
                "feedbackId": feedback,
                "bounceType": kind,
                "bounceSubType": "General",
                "bouncedRecipients": [{"emailAddress": address, "action": "failed", "status": status, "diagnosticCode": words}],
                "timestamp": "2026-11-18T12:00:00.000Z",
            },
            "mail": {"source": source, "messageId": "0102", "destination": [address]},
        }
    )


def complained(source: str, **more: str) -> str:
    complaint = {"feedbackId": "f-2", "complainedRecipients": [{"emailAddress": "grace@example.org"}]} | more
    return json.dumps({"eventType": "Complaint", "complaint": complaint, "mail": {"source": source}})


@pytest.fixture
async def amazon(web: tuple[Runtime, Starlette, str], now: datetime) -> Amazon:
    """The served pages with webhooks switched on."""
    served, app, _ = web
    amazon = Amazon(now)
    chosen = served.settings.model_copy(
        update={"bounce_address": "bounce@mail.council.example", "ses_topics": f"arn:other, {TOPIC}", "postmark_secret": SecretStr(SECRET)}
    )
    app.state.runtime = replace(served, settings=chosen)
    app.state.webhooks = Webhooks(app.state.runtime, amazon.fetch)
    return amazon


@pytest.fixture
async def path(site: Runtime, grace: int, now: datetime) -> str:
    """The return path of an email that went to Grace."""
    async with site.sessions.write() as session:
        draft = enqueue.Draft(
            key="digest:1",
            kind="letter",
            road=Road.EMAIL,
            lane=Lane.BULK,
            address="grace@example.org",
            owner=f"resident:{grace}",
            due_at=now,
        )
        await enqueue.enqueue(session, draft)
        await session.execute(sa.update(Delivery).values(tries=1))
        number = (await session.scalars(sa.select(Delivery.id))).one()
    return ReturnPath("bounce@mail.council.example", site.settings.signing_key()).of(number)


async def _is_dead(site: Runtime) -> bool:
    async with site.sessions.read() as session:
        return await addresses.is_dead(session, Road.EMAIL, "grace@example.org")


async def _post(client: httpx.AsyncClient, body: Mapping[str, Any]) -> int:
    answer = await client.post("/webhooks/ses", content=json.dumps(body), headers={"Content-Type": "text/plain; charset=UTF-8"})
    return answer.status_code


@pytest.mark.parametrize("version", ["1", "2"])
async def test_a_signed_bounce_stops_the_address_however_often_it_comes(
    client: httpx.AsyncClient, site: Runtime, amazon: Amazon, path: str, version: str
) -> None:
    body = signed("Notification", bounced(path), version=version, Subject="Amazon SES Email Event")
    assert [await _post(client, body) for _ in range(3)] == [200, 200, 200]
    assert await _is_dead(site)
    assert amazon.asked == [CERTIFICATE]
    async with site.sessions.read() as session:
        assert len((await session.scalars(sa.select(BounceReport))).all()) == 1


async def test_a_full_mailbox_is_no_reason_to_stop_and_a_complaint_is(
    client: httpx.AsyncClient, site: Runtime, amazon: Amazon, path: str, grace: int
) -> None:
    for message in (
        bounced(path, kind="Transient", status="5.2.2"),
        bounced(path, status="5.5.0", words="smtp; 554 5.5.0 something is wrong"),
        bounced(path, status="5.0.0", words="smtp; 550 Client host [192.0.2.10] blocked using zen.spamhaus.org"),
        complained(path, complaintFeedbackType="not-spam"),
        complained(path, complaintFeedbackType="auth-failure"),
        '{"eventType": "Delivery"}',
        "Successfully validated SNS topic for Amazon SES event publishing.",
        "[1, 2]",
        '{"notificationType": "Bounce", "bounce": 7, "mail": []}',
    ):
        assert await _post(client, signed("Notification", message)) == 200
        assert not await _is_dead(site)
    assert await _post(client, signed("Notification", complained(path, complaintFeedbackType="abuse"))) == 200
    assert await _is_dead(site)
    async with site.sessions.read() as session:
        assert await subscriptions.active(session, grace) == []


@ON_ONE_DATABASE
@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("5.5.0", "smtp; 550 5.5.0 Requested action not taken: mailbox unavailable"),
        ("5.0.0", "smtp; 550 no such user"),
        ("", "smtp; 5.1.0 - Unknown address error 550-'No such user here'"),
        ("", ""),
    ],
)
async def test_where_the_code_leaves_it_open_the_words_that_amazon_passes_on_decide(
    client: httpx.AsyncClient, site: Runtime, amazon: Amazon, path: str, status: str, words: str
) -> None:
    assert await _post(client, signed("Notification", bounced(path, status=status, words=words))) == 200
    assert await _is_dead(site)


async def test_a_bounce_without_our_return_path_is_about_the_address_that_amazon_names(
    client: httpx.AsyncClient, site: Runtime, amazon: Amazon, path: str
) -> None:
    assert await _post(client, signed("Notification", bounced("news@council.example", address="mallory@example.org"))) == 200
    assert not await _is_dead(site)
    assert await _post(client, signed("Notification", bounced("news@council.example", address="Grace@Example.org"))) == 200
    assert await _is_dead(site)


@ON_ONE_DATABASE
@pytest.mark.parametrize(
    "change",
    [
        {"Message": "{}"},
        {"Signature": "AAAA"},
        {"Signature": "no base64!"},
        {"Signature": ""},
        {"SignatureVersion": "3"},
        {"SignatureVersion": "1"},
        {"Type": "Rubbish"},
        {"TopicArn": "arn:aws:sns:eu-west-2:666:mallory"},
        {"TopicArn": [TOPIC]},
        {"TopicArn": None},
        {"Type": ["Notification"]},
        {"SigningCertURL": {"a": 1}},
        {"SigningCertURL": "https://sns.eu-west-2.amazonaws.com.mallory.example/x.pem"},
        {"SigningCertURL": "https://mallory@sns.eu-west-2.amazonaws.com/x.pem"},
        {"SigningCertURL": "http://sns.eu-west-2.amazonaws.com/x.pem"},
        {"SigningCertURL": "https://s3.amazonaws.com/x.pem"},
        {"SigningCertURL": "https://sns.eu-west-2.amazonaws.com:8443/x.pem"},
        {"SigningCertURL": "https://sns.eu-west-2.amazonaws.com/x.txt"},
        {"SigningCertURL": "https://[oops"},
        {"SigningCertURL": None},
    ],
)
async def test_what_amazon_did_not_sign_does_nothing(
    client: httpx.AsyncClient, site: Runtime, amazon: Amazon, path: str, change: dict[str, Any]
) -> None:
    assert await _post(client, signed("Notification", bounced(path)) | change) == 403
    assert not await _is_dead(site)
    assert set(amazon.asked) <= {CERTIFICATE}


async def test_another_key_or_a_certificate_that_has_run_out_does_nothing(
    client: httpx.AsyncClient, site: Runtime, amazon: Amazon, path: str, now: datetime
) -> None:
    assert await _post(client, signed("Notification", bounced(path), key=_OTHER_KEY)) == 403
    for certificate in (_certificate(now - timedelta(days=400)), b"rubbish"):
        amazon.certificate = certificate
        elsewhere = CERTIFICATE.replace("0123", certificate[-9:-5].hex())
        assert await _post(client, signed("Notification", bounced(path), SigningCertURL=elsewhere)) == 403
    assert not await _is_dead(site)


async def test_when_the_certificate_cannot_be_fetched_amazon_is_asked_to_come_again(
    client: httpx.AsyncClient, site: Runtime, amazon: Amazon, path: str
) -> None:
    amazon.is_away = True
    assert await _post(client, signed("Notification", bounced(path))) == 503
    amazon.is_away = False
    assert await _post(client, signed("Notification", bounced(path))) == 200
    assert await _is_dead(site)


async def test_a_subscription_is_confirmed_at_amazon_and_nowhere_else(client: httpx.AsyncClient, amazon: Amazon, grace: int) -> None:
    asked = signed("SubscriptionConfirmation", "You have chosen to subscribe", SubscribeURL=CONFIRM, Token="abc")
    assert await _post(client, asked) == 200
    assert amazon.asked == [CERTIFICATE, CONFIRM]
    elsewhere = signed("SubscriptionConfirmation", "x", SubscribeURL="https://mallory.example/", Token="abc")
    assert await _post(client, elsewhere) == 403
    foreign = signed("SubscriptionConfirmation", "x", SubscribeURL=CONFIRM, Token="abc", TopicArn="arn:aws:sns:eu-west-2:666:mallory")
    assert await _post(client, foreign) == 403
    assert await _post(client, signed("UnsubscribeConfirmation", "x", SubscribeURL=CONFIRM, Token="abc")) == 200
    assert amazon.asked == [CERTIFICATE, CONFIRM]


def postmark(kind: str = "HardBounce", *, number: int = 42, **more: Any) -> dict[str, Any]:
    record = "SpamComplaint" if kind == "SpamComplaint" else "Bounce"
    return {"RecordType": record, "Type": kind, "ID": number, "Email": "grace@example.org", "From": "news@council.example"} | more


@pytest.mark.parametrize("way", ["password", "address"])
async def test_postmark_shows_its_secret_as_a_password_or_in_the_address(
    client: httpx.AsyncClient, site: Runtime, amazon: Amazon, path: str, way: str
) -> None:
    for _ in range(2):
        if way == "password":
            answer = await client.post("/webhooks/postmark", json=postmark(), auth=("any", SECRET))
        else:
            answer = await client.post(f"/webhooks/postmark/{SECRET}", json=postmark())
        assert answer.status_code == 200
    assert await _is_dead(site)


async def test_postmark_is_heard_on_bounces_and_complaints_alone(
    client: httpx.AsyncClient, site: Runtime, amazon: Amazon, path: str, grace: int
) -> None:
    address = f"/webhooks/postmark/{SECRET}"
    for kind in ("SoftBounce", "AutoResponder", "Subscribe", "Open", "no such type"):
        assert (await client.post(address, json=postmark(kind, number=len(kind)))).status_code == 200
    for rubbish in ({"RecordType": "Delivery"}, postmark(ID=None), postmark(Email={"a": 1}), postmark(Type=[1]), postmark(number=10**40)):
        assert (await client.post(address, json=rubbish | {"Email": ["x"]})).status_code == 200
    assert not await _is_dead(site)
    assert (await client.post(address, json=postmark("SpamComplaint"))).status_code == 200
    assert await _is_dead(site)
    async with site.sessions.read() as session:
        assert await subscriptions.active(session, grace) == []


async def test_without_the_secret_postmark_is_nobody(client: httpx.AsyncClient, site: Runtime, amazon: Amazon, path: str) -> None:
    for auth in (None, ("any", "wrong"), (SECRET, ""), ("any", "ünd")):
        answer = await client.post("/webhooks/postmark", json=postmark(), auth=auth)
        assert answer.status_code == 403
    answer = await client.post("/webhooks/postmark", json=postmark(), headers={"Authorization": "Basic /////"})
    assert answer.status_code == 403
    assert (await client.post("/webhooks/postmark/wrong", json=postmark())).status_code == 403
    assert not await _is_dead(site)


async def test_rubbish_and_huge_bodies_are_refused(client: httpx.AsyncClient, amazon: Amazon, grace: int) -> None:
    for address in ("/webhooks/ses", f"/webhooks/postmark/{SECRET}"):
        for rubbish in (b"", b"\xff\x00", b"[]", b"7", b"[" * 50_000, b'{"a": '):
            assert (await client.post(address, content=rubbish)).status_code == 400
        assert (await client.post(address, content=b" " * 200_000)).status_code == 413
        assert (await client.get(address)).status_code == 405


async def test_what_was_not_set_up_is_not_there(client: httpx.AsyncClient, grace: int) -> None:
    assert (await client.post("/webhooks/ses", json={})).status_code == 404
    assert (await client.post("/webhooks/postmark", json={}, auth=("any", ""))).status_code == 404
