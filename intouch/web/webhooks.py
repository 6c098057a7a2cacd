"""Webhooks: what mail providers tell us about emails; each proves who it is before a word of it is read."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from intouch import logs
from intouch.bounces import providers, sns
from intouch.bounces.intake import Intake
from intouch.bounces.reading import Report
from intouch.bounces.sns import Notary
from intouch.bounces.verp import ReturnPath
from intouch.runtime import Runtime
from intouch.web.fetching import fetch
from intouch.web.pages import runtime_of

log = logs.get("web")

_TAKEN, _REFUSED, _ABSENT, _UNREADABLE, _LATER = 200, 403, 404, 400, 503


class Webhooks:
    """What the webhooks of one application keep: the intake of reports, and the certificates that were fetched."""

    def __init__(self, runtime: Runtime, fetching: sns.Fetch = fetch) -> None:
        settings = runtime.settings
        paths = ReturnPath(settings.bounce_address, settings.signing_key()) if settings.bounce_address else None
        self.intake = Intake(runtime.sessions, runtime.templates, runtime.clock, paths)
        self.fetch = fetching
        self.notary = Notary(fetching)


async def ses(request: Request) -> Response:
    """Amazon SES by way of SNS: notifications, and the question whether we want them."""
    runtime, webhooks = runtime_of(request), _webhooks(request)
    topics = frozenset(topic.strip() for topic in runtime.settings.ses_topics.split(",") if topic.strip())
    if not topics:
        return _answer(_ABSENT)
    message = _object(await request.body())
    if message is None:
        return _answer(_UNREADABLE)
    try:
        await webhooks.notary.check(message, topics, now=runtime.now())
        if message["Type"] == "SubscriptionConfirmation":
            return await _confirm(webhooks, str(message.get("SubscribeURL", "")))
    except sns.NotFromAmazon as error:
        log.warning("web.webhook_refused", provider="ses", reason=str(error))
        return _answer(_REFUSED)
    except OSError as error:
        log.warning("web.webhook_unchecked", provider="ses", error=type(error).__name__)
        return _answer(_LATER)
    if message["Type"] != "Notification":
        return _answer(_TAKEN)
    event = _object(str(message.get("Message", "")).encode("utf-8", "replace"))
    # Amazon's own "successfully set up" message is a notification too, and no JSON of a report.
    return await _heed(webhooks, providers.from_ses(event or {}, webhooks.intake.paths))


async def postmark(request: Request) -> Response:
    """Postmark signs nothing: the secret is in the address of the webhook, or its password."""
    secret = runtime_of(request).settings.postmark_secret.get_secret_value()
    if not secret:
        return _answer(_ABSENT)
    shown = request.path_params.get("secret") or _password(request.headers.get("authorization", ""))
    if not hmac.compare_digest(shown.encode("utf-8", "replace"), secret.encode()):
        log.warning("web.webhook_refused", provider="postmark", reason="wrong secret")
        return _answer(_REFUSED)
    event = _object(await request.body())
    if event is None:
        return _answer(_UNREADABLE)
    return await _heed(_webhooks(request), providers.from_postmark(event))


async def _confirm(webhooks: Webhooks, url: str) -> Response:
    if not sns.is_amazons(url):
        raise sns.NotFromAmazon("The address to confirm at is not Amazon's.")
    await webhooks.fetch(url)
    log.info("web.webhook_confirmed", provider="ses")
    return _answer(_TAKEN)


async def _heed(webhooks: Webhooks, reports: Sequence[Report]) -> Response:
    for report in reports:
        await webhooks.intake.heed(report)
    return _answer(_TAKEN)


def _webhooks(request: Request) -> Webhooks:
    found: Webhooks = request.app.state.webhooks
    return found


def _object(body: bytes) -> Mapping[str, Any] | None:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _password(header: str) -> str:
    scheme, _, given = header.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(given, validate=True).decode().partition(":")[2]
    except (binascii.Error, ValueError):
        return ""


def _answer(status: int) -> Response:
    words = {_TAKEN: "taken", _REFUSED: "refused", _ABSENT: "not set up", _UNREADABLE: "unreadable", _LATER: "later"}
    return PlainTextResponse(f"{words[status]}\n", status_code=status)
