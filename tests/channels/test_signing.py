"""Signing: the channel signs what leaves, keeps to the outcomes of the one below, and never sends what it could not sign."""

from __future__ import annotations

from intouch.channels.outcomes import Envelope, Verdict
from intouch.channels.signing import SigningChannel
from intouch.templating import TelegramMessage
from tests.channels.sending import each
from tests.outbox.outboxes import RecordingChannel


def sign(message: bytes) -> bytes:
    if b"unsignable" in message:
        raise ValueError(message)
    return b"signed " + message


async def outcomes_of(channel: SigningChannel, *envelopes: Envelope) -> dict[int, Verdict]:
    return {number: outcome.verdict async for number, outcome in each(channel, envelopes)}


async def test_a_batch_is_signed_and_sent_in_order_each_with_its_own_outcome() -> None:
    below = RecordingChannel()
    channel = SigningChannel(below, sign)
    envelopes = [Envelope(number, f"r{number}@x.example", b"message %d" % number) for number in range(65)]
    assert await outcomes_of(channel, *envelopes) == dict.fromkeys(range(65), Verdict.SENT)
    assert below.contents == [b"signed message %d" % number for number in range(65)]
    await channel.close()
    assert below.is_closed


async def test_what_cannot_be_signed_fails_alone_and_its_words_are_not_told() -> None:
    below = RecordingChannel()
    channel = SigningChannel(below, sign)
    envelopes = [Envelope(1, "a@x.example", b"fine"), Envelope(2, "b@x.example", b"unsignable secret"), Envelope(3, "c@x.example", b"too")]
    found = dict([one async for one in each(channel, envelopes)])
    assert {number: outcome.verdict for number, outcome in found.items()} == {1: Verdict.SENT, 2: Verdict.FAILED, 3: Verdict.SENT}
    assert found[2].error == "signing failed (ValueError)"
    assert below.sent == ["a@x.example", "c@x.example"]
    await channel.close()


async def test_a_reply_does_not_wait_behind_bulk_and_halting_reaches_the_channel_below() -> None:
    below = RecordingChannel()
    channel = SigningChannel(below, sign)
    assert await outcomes_of(channel, Envelope(1, "a@x.example", b"reply", rank=0)) == {1: Verdict.SENT}
    assert await outcomes_of(channel, Envelope(2, "7", TelegramMessage("no email"))) == {2: Verdict.SENT}
    channel.halt()
    assert await outcomes_of(channel, Envelope(3, "a@x.example", b"late")) == {3: Verdict.NOT_TRIED}
    await channel.close()
