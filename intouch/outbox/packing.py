"""Packing: from claimed deliveries to envelopes that a channel can send; one that can't be rendered fails alone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

import sqlalchemy as sa

from intouch import logs
from intouch.channels import mime, outcomes
from intouch.channels.outcomes import Envelope, Outcome
from intouch.errors import InTouchError
from intouch.letters import Letter
from intouch.outbox.models import Delivery, Lane, Road
from intouch.outbox.parcel import Parcel
from intouch.outbox.rendering import Copy, Encoded, Rendered, Renderer, Unwanted, unhurried
from intouch.outbox.settling import Settled
from intouch.storage import troubles
from intouch.storage.sessions import Sessions
from intouch.templating import TelegramMessage

log = logs.get("outbox")

# What has to be so before the call for the delivery of this number; see ``Envelope``.
Begin = Callable[[int], Awaitable[bool]]

STALE = timedelta(hours=2)
_NOTHING = outcomes.failed("nothing was rendered")
_RANKS = {Lane.REPLY: 0, Lane.NOTICE: 1, Lane.BULK: 2}


@dataclass(slots=True)
class Packed:
    """What can be sent, and what is settled already because it can't."""

    envelopes: list[Envelope] = field(default_factory=list)
    settled: list[Settled] = field(default_factory=list)


class Packer:
    """Renders deliveries by kind in one reading session and puts them into envelopes."""

    def __init__(
        self,
        sessions: Sessions,
        renderers: Mapping[str, Renderer],
        *,
        now: Callable[[], datetime],
        email_from: str,
        return_path: Callable[[int], str] | None = None,
        begin: Mapping[Road, Begin],
    ) -> None:
        self._sessions = sessions
        self._now = now
        self._begin = begin
        self._renderers = renderers
        self._email_from = email_from
        self._return_path = return_path

    async def pack(self, deliveries: Sequence[Parcel], is_ours: Callable[[int], bool]) -> Packed:
        """Envelopes for ``deliveries``; raises only when the database itself fails."""
        packed = Packed()
        kinds: dict[str, list[Parcel]] = {}
        for delivery in deliveries:
            kinds.setdefault(delivery.kind, []).append(delivery)
        for kind, group in kinds.items():
            rendered = await self._render(kind, group)
            async for few in unhurried(group):
                for delivery in few:
                    self._put(delivery, rendered.get(delivery.id, _NOTHING), packed, is_ours)
        return packed

    def _put(self, delivery: Parcel, rendered: Rendered | Outcome, packed: Packed, is_ours: Callable[[int], bool]) -> None:
        message_id = mime.message_id(delivery.key, self._email_from) if delivery.road is Road.EMAIL else ""
        content = self._content(delivery, rendered, message_id)
        if isinstance(content, Outcome):
            packed.settled.append(Settled(delivery, content))
        else:
            packed.envelopes.append(self._envelope(delivery, content, message_id, is_ours))

    async def _render(self, kind: str, group: Sequence[Parcel]) -> Mapping[int, Rendered | Outcome]:
        renderer = self._renderers.get(kind)
        if renderer is None:
            log.error("outbox.no_renderer", kind=kind, deliveries=len(group))
            return dict.fromkeys((delivery.id for delivery in group), outcomes.failed(f"nobody renders the kind {kind}"))
        try:
            async with self._sessions.glance() as session:
                return await renderer(session, group)
        except Exception as error:
            if troubles.will_pass(error):
                raise  # the next connection may be well again: asked on that one, the database would seem to have done nothing
            await self._make_sure_of_the_database()
            if len(group) == 1:
                return {group[0].id: _render_error(group[0], error)}
        # One of them spoils the batch: each alone, so that only that one fails.
        alone: dict[int, Rendered | Outcome] = {}
        for delivery in group:
            alone |= await self._render(kind, [delivery])
        return alone

    async def _make_sure_of_the_database(self) -> None:
        """Raises when it was the database. The error alone does not always tell."""
        async with self._sessions.read() as session:
            await session.execute(sa.select(Delivery.id).limit(1))

    def _content(self, delivery: Parcel, rendered: Rendered | Outcome, message_id: str) -> TelegramMessage | mime.Message | Outcome:
        is_email = delivery.road is Road.EMAIL
        if is_email and isinstance(rendered, (Copy, Letter)):
            try:
                return self._email(delivery, rendered, message_id)
            except Exception as error:
                return _render_error(delivery, error)
        match rendered:
            case Outcome():
                return rendered
            case Unwanted():
                return outcomes.unwanted(rendered.reason)
            case Encoded() if is_email:
                return rendered.message
            case TelegramMessage() if not is_email:
                return rendered
        return outcomes.failed(f"a {type(rendered).__name__} can't leave by {delivery.road}")

    def _email(self, delivery: Parcel, rendered: Letter | Copy, message_id: str) -> mime.Message:
        at = dated(delivery.created_at, self._now())
        if isinstance(rendered, Copy):
            personal = mime.personal_headers(recipient=delivery.address, message_id=message_id, at=at)
            return rendered.plate(self._email_from).copy(personal, rendered.words)
        return mime.compose(rendered, sender=self._email_from, recipient=delivery.address, message_id=message_id, at=at)

    def _envelope(
        self, delivery: Parcel, content: TelegramMessage | mime.Message, message_id: str, is_ours: Callable[[int], bool]
    ) -> Envelope:
        identity = delivery.id
        return Envelope(
            number=identity,
            address=delivery.address,
            content=content,
            rank=_RANKS[delivery.lane],
            message_id=message_id,
            sender=self._return_path(identity) if self._return_path and message_id else "",
            is_ours=partial(is_ours, identity),
            begin=partial(self._begin[delivery.road], identity),
        )


def dated(created_at: datetime, now: datetime) -> datetime:
    """The date of an email: when it was made, or, where it has waited for hours, the hour at which it leaves.

    Spam filters hold an old date against an email. By the hour, so that a repeat, which comes soon, is the same message.
    """
    return created_at if now - created_at < STALE else now.replace(minute=0, second=0, microsecond=0)


def _render_error(delivery: Parcel, error: Exception) -> Outcome:
    """The sentence of an error of ours; of a bug only its kind, for its text may quote what somebody wrote."""
    if isinstance(error, InTouchError):
        return outcomes.failed(str(error))
    if troubles.took_too_long(error):
        return outcomes.retry("the database took too long to say what is in it")
    log.error("outbox.render_failed", delivery=delivery.id, kind=delivery.kind, error=type(error).__name__)
    return outcomes.failed(f"rendering failed ({type(error).__name__})")
