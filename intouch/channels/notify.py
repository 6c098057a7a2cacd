"""Notify: email by GOV.UK Notify instead of a mail server of one's own; needs the extra ``intouch[notify]``."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from email import message_from_bytes, policy
from typing import Any

from intouch import logs
from intouch.channels import mime, outcomes
from intouch.channels.outcomes import Envelope, Heard, Outcome
from intouch.errors import InTouchError

try:
    from notifications_python_client.errors import APIError
    from notifications_python_client.notifications import NotificationsAPIClient
except ImportError:  # it is an extra
    APIError = NotificationsAPIClient = None

log = logs.get("channels")

URL = "https://api.notifications.service.gov.uk"
# What one person waits for has clients of its own, so that an edition never stands in its way.
CLIENTS_FOR_BULK, CLIENTS_FOR_PEOPLE = 6, 2
_BULK = 2
_PATIENCE = 30.0
_BREATHER = 30.0
_NEVER_CONNECTED = ("NewConnectionError", "ConnectTimeoutError", "NameResolutionError")


class NotifyMissing(InTouchError):
    """Notify is set up, but its client is not installed."""


@dataclass(frozen=True, slots=True)
class NotifyAccount:
    """The council's service on Notify. ``template_id`` is an email template of ``((subject))`` and ``((body))``."""

    api_key: str
    template_id: str
    url: str = URL


class NotifyChannel:
    """Sends emails as Notify takes them: subject and plain text, in Notify's own layout; each client in its own thread."""

    def __init__(self, account: NotifyAccount, *, patience: float = _PATIENCE) -> None:
        if NotificationsAPIClient is None:
            raise NotifyMissing('GOV.UK Notify is set up but its client is not installed. Run `pip install "intouch[notify]"`.')
        self._account = account
        self._threads = ThreadPoolExecutor(CLIENTS_FOR_BULK + CLIENTS_FOR_PEOPLE, thread_name_prefix="notify")
        self._for_people, self._for_bulk = (self._clients(number, patience) for number in (CLIENTS_FOR_PEOPLE, CLIENTS_FOR_BULK))
        self._is_halting = False

    def _clients(self, number: int, patience: float) -> asyncio.Queue[Any]:
        queue: asyncio.Queue[Any] = asyncio.Queue()
        for _ in range(number):  # a client is not safe to share between threads
            queue.put_nowait(NotificationsAPIClient(self._account.api_key, base_url=self._account.url, timeout=patience))
        return queue

    async def send_batch(self, envelopes: Sequence[Envelope], heard: Heard) -> None:
        async with asyncio.TaskGroup() as group:
            for envelope in envelopes:
                group.create_task(self._send(envelope, heard))

    def halt(self) -> None:
        self._is_halting = True

    async def close(self) -> None:
        self._is_halting = True
        await asyncio.to_thread(self._threads.shutdown, wait=True, cancel_futures=True)

    async def _send(self, envelope: Envelope, heard: Heard) -> None:
        clients = self._for_bulk if envelope.rank >= _BULK else self._for_people
        client = await clients.get()
        try:
            if self._is_halting or not envelope.is_ours():
                heard(envelope.number, outcomes.not_tried("stopped before its turn, or its lease has passed to somebody else"))
                return
            if not await envelope.begin():
                heard(envelope.number, outcomes.not_tried("what comes of it could not be written down"))
                return
            heard(envelope.number, await asyncio.get_running_loop().run_in_executor(self._threads, self._ask, client, envelope))
        finally:
            clients.put_nowait(client)

    def _ask(self, client: Any, envelope: Envelope) -> Outcome:
        """In a thread: one message, and what Notify says to it."""
        if not isinstance(envelope.content, mime.Message):
            return outcomes.failed("only the bytes of an email leave by Notify")
        try:
            subject, body, unsubscribe = read(mime.whole(envelope.content))
            answer = client.send_email_notification(
                email_address=envelope.address,
                template_id=self._account.template_id,
                personalisation={"subject": subject, "body": body},
                reference=envelope.message_id or None,
                one_click_unsubscribe_url=unsubscribe or None,
            )
            return outcomes.sent(str(answer.get("id", "")) if isinstance(answer, dict) else "")
        except APIError as error:
            return _refusal(error)
        except Exception as error:
            log.error("notify.fault", delivery=envelope.number, error=type(error).__name__)
            return outcomes.unknown(f"sending failed ({type(error).__name__})")


def read(message: bytes) -> tuple[str, str, str]:
    """Subject, plain text and the address of the one-click unsubscription of an email: "" where there is none that Notify takes."""
    parsed = message_from_bytes(message, policy=policy.default)
    text = parsed.get_body(("plain",))
    body = str(text.get_content()) if text is not None else ""
    unsubscribe = str(parsed["list-unsubscribe"] or "").strip("<> ")
    # Any other is "not a valid https url", for which Notify refuses the email: https://docs.notifications.service.gov.uk/rest-api.html
    way_out = unsubscribe if unsubscribe.startswith("https://") else ""
    return str(parsed["subject"] or ""), body.replace("\r\n", "\n").strip(), way_out


def _refusal(error: Any) -> Outcome:
    """What an error of Notify says about this message, its address, or the road itself; its words may hold the address."""
    if error.response is None:
        return _broken_line(error.__cause__)
    code, kinds = error.status_code, _kinds(error)
    said = f"Notify answered {code} {', '.join(kinds)}".strip()
    if code == 400 and "ValidationError" in kinds and "email_address" in str(error.message):
        return outcomes.dead(said)
    if code == 400 and "BadRequestError" not in kinds:
        return outcomes.failed(said)
    if 400 <= code < 500:
        # The key, the template, the trial mode or a limit: nothing about this message.
        return outcomes.not_tried(said, after=_BREATHER)
    return outcomes.retry(said) if code == 503 else outcomes.unknown(said)


def _kinds(error: Any) -> list[str]:
    try:
        found = error.response.json().get("errors", [])
        return [str(one.get("error", ""))[:40] for one in found if isinstance(one, dict)][:3]
    except (ValueError, AttributeError, TypeError):
        return []


def _broken_line(cause: Any) -> Outcome:
    reason = getattr(cause.args[0] if cause is not None and cause.args else None, "reason", None)
    if type(reason).__name__ in _NEVER_CONNECTED:
        return outcomes.not_tried(f"no connection to Notify ({type(reason).__name__})", after=1.0)
    return outcomes.unknown(f"the line to Notify broke ({type(cause).__name__})")
