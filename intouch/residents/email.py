"""Email addresses of residents: asked for, confirmed by whoever owns the mailbox, and never used before that."""

from __future__ import annotations

import unicodedata
from datetime import datetime, timedelta

import email_validator
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch import legible
from intouch.errors import BadInput, Closed, NotAllowed
from intouch.links import Links
from intouch.outbox import enqueue
from intouch.outbox.models import DeadAddress, Delivery, Lane, Road
from intouch.residents import consents, deliveries, finding, signup, subscriptions
from intouch.residents.models import Channel, Resident, ResidentStatus, Topic

LINK_LASTS = timedelta(days=7)
LETTERS_A_DAY = 3  # to one address, and for one resident: nobody's mailbox can be flooded through us
_LONGEST = 254

_TOO_MANY = "We have sent {number} emails in the last day already. Please look in your spam folder too, or try again tomorrow."
_NO_ADDRESS = "That doesn't look like an email address. One looks like this: alice@example.org. Please type yours."


def normalise(address: str) -> str:
    """The address in lower case as mail servers know it; ``BadInput`` when it is none that anybody could deliver to."""
    try:
        valid = email_validator.validate_email(address.strip()[: _LONGEST + 1], check_deliverability=False)
    except email_validator.EmailNotValidError:
        raise BadInput(_NO_ADDRESS) from None
    # The standard takes any sign beyond ASCII and a country of one letter; mailboxes of that kind exist nowhere.
    if not all(map(_may_stand_in_a_name, valid.local_part)) or len(valid.domain.rpartition(".")[2]) < 2:
        raise BadInput(_NO_ADDRESS)
    return valid.normalized.lower()


def _may_stand_in_a_name(character: str) -> bool:
    return character.isascii() or character in legible.JOINERS or unicodedata.category(character)[0] in "LMN"


async def ask_confirmation(session: AsyncSession, resident: Resident, address: str, *, links: Links, now: datetime) -> bool:
    """Send a letter with a link to the address; false when it is theirs already, and the digest simply comes from now on.

    ``BadInput`` when it is no address, ``NotAllowed`` when too many letters were asked for; neither changes anything.
    What the asker sees is the same whether the address is new or somebody else's.
    """
    wanted = normalise(address)
    if await is_confirmed(session, resident, wanted):
        resident.email_to_confirm = None
        await subscriptions.subscribe(session, resident.id, topic=Topic.DIGEST, channel=Channel.EMAIL, now=now)
        return False
    await _spare_resident(session, resident, now=now)
    url = links.url("confirm", "confirm", resident.id, wanted, expires_at=now + LINK_LASTS)
    consent = consents.email_wording() if resident.telegram_id is None else ""
    if not await send_letter(session, resident, wanted, "confirm_email", {"url": url, "consent": consent}, links=links, now=now):
        raise NotAllowed(_TOO_MANY.format(number=LETTERS_A_DAY))
    resident.email_to_confirm = wanted
    await deliveries.revive(session, [wanted], road=Road.EMAIL)
    await session.flush()
    return True


async def _spare_resident(session: AsyncSession, resident: Resident, *, now: datetime) -> None:
    recent = sa.select(sa.func.count()).where(
        Delivery.owner == deliveries.owner_of(resident.id),
        Delivery.key.startswith("confirm:"),
        Delivery.created_at > now - timedelta(days=1),
    )
    if (await session.scalar(recent) or 0) >= LETTERS_A_DAY:
        raise NotAllowed(_TOO_MANY.format(number=LETTERS_A_DAY))


async def send_letter(
    session: AsyncSession, resident: Resident, address: str, template: str, values: dict[str, str], *, links: Links, now: datetime
) -> bool:
    """Queue a letter that somebody asked for who may not own the address; false when it had its letters of the day.

    The keys are numbered places of one day, so the limit holds however many ask at once. A keyed hash stands for the
    address: the limit outlives an erasure, and the key does not give the address away.
    """
    mark = links.token("letters", address).rpartition(".")[2]
    for place in range(LETTERS_A_DAY):
        draft = enqueue.Draft(
            key=f"confirm:{mark}:{now:%Y-%m-%d}:{place}",
            kind="letter",
            road=Road.EMAIL,
            lane=Lane.NOTICE,
            address=address,
            payload={"template": template, "values": values},
            owner=deliveries.owner_of(resident.id),
            due_at=now,
        )
        if await enqueue.enqueue(session, draft):
            return True
    return False


async def owner_of(session: AsyncSession, address: str) -> Resident | None:
    """The resident whose confirmed address this is."""
    query = sa.select(Resident).where(Resident.email == address, Resident.email_confirmed_at.is_not(None)).with_for_update()
    return (await session.scalars(query.execution_options(populate_existing=True))).one_or_none()


async def claimant(session: AsyncSession, resident_id: int, address: str) -> Resident:
    """The resident who asked for this address, locked; ``Closed`` when they asked for another one since."""
    await session.flush()
    resident = await finding.resident(session, resident_id, lock=True)
    if address not in (resident.email_to_confirm, resident.email):
        raise Closed("This link is not the newest one. Please open the link in the last email we sent you, or ask for a new one.")
    return resident


async def is_confirmed(session: AsyncSession, resident: Resident, address: str) -> bool:
    """Whether ``confirm`` would change nothing: the address is theirs, and letters reach it."""
    if resident.email != address or resident.email_confirmed_at is None or resident.email_to_confirm == address:
        return False
    return await session.get(DeadAddress, (Road.EMAIL, address)) is None


async def reaches(session: AsyncSession, resident: Resident) -> bool:
    """Whether letters reach this resident: an address is confirmed, and none has come back since that was not proved again."""
    return resident.email is not None and await is_confirmed(session, resident, resident.email)


async def confirm(session: AsyncSession, *, resident_id: int, address: str, now: datetime) -> Resident:
    """Whoever opened the link owns the mailbox: the address is the resident's, and the digest comes to it.

    Safe to repeat. An address that was another resident's moves to this one. (Two sign-ups of one person become one in
    ``privacy.merging.confirm``, which the web calls.)
    """
    resident = await claimant(session, resident_id, address)
    if await is_confirmed(session, resident, address):
        return resident
    owner = await owner_of(session, address)
    if owner is not None and owner.id != resident.id:
        await _lose_address(session, owner, now=now)
    resident.email, resident.email_confirmed_at, resident.email_to_confirm = address, now, None
    await session.flush()
    await deliveries.revive(session, [address], road=Road.EMAIL)
    await start(session, resident, now=now)
    return resident


async def start(session: AsyncSession, resident: Resident, *, now: datetime) -> None:
    """The digest comes, and the resident is in where nothing is missing; who has no Telegram is asked by email too."""
    if resident.telegram_id is not None and resident.status is ResidentStatus.STOPPED:
        return  # to come back, they agree once more
    await subscriptions.subscribe(session, resident.id, topic=Topic.DIGEST, channel=Channel.EMAIL, now=now)
    if resident.status is ResidentStatus.ACTIVE:
        return
    if resident.telegram_id is not None:
        resident.was_asked_email = resident.was_asked_email or resident.status is ResidentStatus.DRAFT
        await signup.finish(session, resident, now=now)
        return
    consents.give(session, resident, wording=consents.email_wording(), now=now)
    resident.status, resident.joined_at = ResidentStatus.ACTIVE, resident.joined_at or now
    await session.flush()
    await subscriptions.subscribe(session, resident.id, topic=Topic.SURVEYS, channel=Channel.EMAIL, now=now)
    if resident.wants_board:
        resident.wants_board = False
        await subscriptions.subscribe(session, resident.id, topic=Topic.SOUNDING_BOARD, channel=Channel.EMAIL, now=now)


async def _lose_address(session: AsyncSession, owner: Resident, *, now: datetime) -> None:
    await subscriptions.unsubscribe(session, owner.id, channel=Channel.EMAIL, reason="address moved", now=now)
    owner.email = owner.email_confirmed_at = None
    if owner.telegram_id is None:
        owner.status = ResidentStatus.STOPPED
    await session.flush()


async def remove(session: AsyncSession, resident: Resident, *, now: datetime) -> None:
    """The resident takes their address back: nothing comes by email any more, and it is forgotten."""
    await subscriptions.unsubscribe(session, resident.id, channel=Channel.EMAIL, reason="address removed", now=now)
    resident.email = resident.email_confirmed_at = resident.email_to_confirm = None
    await session.flush()
