"""SMTP connection: one connection to the mail server, from greeting to QUIT, and the transactions on it."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import NamedTuple

from intouch.channels import mime, outcomes
from intouch.channels.outcomes import Outcome
from intouch.channels.smtp_opening import Offer, Patience, reach
from intouch.channels.smtp_replies import Reply, Stage, refusal
from intouch.channels.smtp_wire import Lost, Wire
from intouch.channels.tempo import is_complaint
from intouch.smtp_address import SmtpAddress

_BARE = re.compile(rb"\r\n|\r|\n")
_END = b".\r\n"
_NOT_BEHIND_THE_DOT = (500, 501, 502, 503, 554)  # Haraka says 503
_OPENING = (Stage.MAIL, Stage.RCPT, Stage.DATA)


async def connect(address: SmtpAddress, sender: str, patience: Patience) -> Connection:
    """A connection ready for its first transaction. Raises ``CannotConnect``."""
    return Connection(*await reach(address, sender, patience), sender, patience)


class Letter(NamedTuple):
    """One message on its way to one recipient, as a transaction of this connection sees it."""

    opening: tuple[bytes, bytes, bytes]  # MAIL, RCPT and DATA
    message: mime.Message


Following = Callable[[], Letter | None]


def _nobody() -> None:
    return None


class Connection:
    """Transactions one after the other. ``is_broken``: not to be used again. ``was_stale``: the last attempt found out
    that the server had let go of the connection earlier, or takes nothing more over it, so it says nothing about that message.
    ``was_slowed``: the server complained about our pace. ``was_silent``: it did not answer in time. ``was_deaf``: to an
    opening that rode with the letter before; some throw away what follows the final dot, or refuse it, or die of it (Dovecot 2.3's
    submission, which has taken the letter by then), against RFC 2920."""

    def __init__(self, wire: Wire, offer: Offer, sender: str, patience: Patience) -> None:
        self._wire = wire
        self._offer = offer
        self._sender = sender
        self._patience = patience
        self._needs_reset = False
        self._stage = Stage.MAIL
        self._heard = False
        self._is_used_up = self._bears_nothing = self._heard_behind = False
        self._ahead: Letter | None = None
        self.was_slowed = self.was_silent = self.was_deaf = False
        self.opened_at = time.monotonic()
        self.messages = 0
        self.refusals = 0  # in a row
        self.is_broken = False
        self.was_stale = False

    @property
    def pipelines(self) -> bool:
        return self._offer.pipelining

    @property
    def is_quiet(self) -> bool:
        """Nothing is under way, and the server has said nothing that nobody asked for."""
        return self._ahead is None and not self.is_broken and self._wire.is_quiet

    def prepare(self, address: str, message: mime.Message, sender: str = "") -> Letter | Outcome:
        """One message to one recipient, from ``sender`` or else the connection's own; or why this server can't take it."""
        try:
            opening = self._opening(mime.address_on_the_wire(address), message, sender or self._sender)
        except mime.BadHeader as error:
            return outcomes.failed(str(error))
        except UnicodeEncodeError:
            return outcomes.failed("the address has letters that are none")
        return opening if isinstance(opening, Outcome) else Letter(opening, message)

    async def send(self, letter: Letter, following: Following = _nobody) -> Outcome:
        """Send it; never raises but when cancelled, and then the connection is broken.

        Right before the message itself goes out, ``following`` is asked for the letter after this one: its opening rides
        along in the same write, and its replies wait until it is sent. It must be the next one sent, or the connection ends.
        """
        self.messages += 1
        self._stage, self._heard = Stage.MAIL, False
        whole = False
        try:
            if self._ahead is not None and self._ahead is not letter:
                raise Lost("another letter was begun")
            outcome = await self._transact(letter, following)
            whole = True
        except (Lost, TimeoutError) as error:
            outcome = self._lost(error)
        finally:
            self.is_broken = self.is_broken or self._is_used_up or not whole
        if not self.was_slowed:  # else it is about our pace, and another connection would hear it too
            self.refusals = 0 if outcome.verdict is outcomes.Verdict.SENT else self.refusals + 1
        says_nothing = self._is_used_up or not self._heard
        self.was_stale = self.is_broken and self.messages > 1 and outcome.verdict is outcomes.Verdict.RETRY and says_nothing
        return outcome

    def _opening(self, address: str, message: mime.Message, sender: str) -> tuple[bytes, bytes, bytes] | Outcome:
        """MAIL, RCPT and DATA, or the reason why this server can't take the message."""
        size = mime.size(message) if self._offer.declares_size else 0
        if self._offer.most_bytes and size > self._offer.most_bytes:
            return outcomes.failed("the message is larger than the mail server takes")
        extra = f" SIZE={size}" if size else ""
        if not (address + sender).isascii():
            if not self._offer.utf8:
                return outcomes.failed("the address has letters that the mail server can't take (no SMTPUTF8)")
            extra += " SMTPUTF8" + (" BODY=8BITMIME" if self._offer.eight_bit else "")
        return f"MAIL FROM:<{sender}>{extra}\r\n".encode(), f"RCPT TO:<{address}>\r\n".encode(), b"DATA\r\n"

    async def _transact(self, letter: Letter, following: Following) -> Outcome:
        if self._needs_reset:
            # Not pipelined with what follows: a server that dislikes RSET would shift every reply by one.
            reply = await self._ask(b"RSET\r\n")
            if not reply.is_good:
                self._heard = False  # that was about the recipient before: this one goes out over a new connection
                raise Lost("the mail server did not take RSET")
            self._needs_reset = False
        refused = await (self._open_at_once(letter) if self._offer.pipelining else self._open_stepwise(letter.opening))
        if refused is not None:
            self._needs_reset = True
            return refused
        if not self._wire.is_quiet:
            return await self._hear_early()
        self._stage = Stage.BODY
        self._wire.write(b"".join(stuffed(letter.message) + self._opening_of(following())))
        if self._wire.is_full:
            await self._wire.flush(self._patience.command)
        reply = await self._read(self._patience.final)
        self._heard_behind = self._heard_behind or self._ahead is not None
        if reply.is_good:
            return outcomes.sent()
        if not 400 <= reply.code < 600:
            self.is_broken = True
        return refusal(Stage.BODY, reply)

    async def _hear_early(self) -> Outcome:
        """The server speaks of a message that it has not heard, or is gone: nothing is sent, and a good word is not believed."""
        self.is_broken = True
        reply = await self._read(self._patience.command)
        if 400 <= reply.code < 600:
            return refusal(Stage.BODY, reply)
        raise Lost("the mail server said more than it was asked")

    def _opening_of(self, ahead: Letter | None) -> tuple[bytes, ...]:
        if ahead is None or not self._offer.pipelining:
            return ()
        self._ahead = ahead
        return ahead.opening

    async def _open_stepwise(self, opening: tuple[bytes, bytes, bytes]) -> Outcome | None:
        for stage, command in zip(_OPENING, opening, strict=True):
            self._stage = stage
            reply = await self._ask(command)
            if not _accepts(stage, reply):
                return self._refused(stage, reply)
        return None

    async def _open_at_once(self, letter: Letter) -> Outcome | None:
        """The three commands in one write (RFC 2920); the first refusal is the one that counts."""
        rode = self._ahead is not None
        if not rode:
            self._wire.write(b"".join(letter.opening))
        self._ahead = None
        if self._is_open():
            return None
        refused: Outcome | None = None
        is_taken = False
        for stage in _OPENING:
            self._stage = stage
            try:
                reply = await self._read(self._patience.command)
            except (Lost, TimeoutError) as error:
                self.was_deaf = rode and stage is Stage.MAIL and isinstance(error, TimeoutError)
                if refused is None:
                    raise
                self.is_broken = True  # what was refused stays refused, whatever became of the rest
                return refused
            if rode and stage is Stage.MAIL and reply.code in _NOT_BEHIND_THE_DOT:
                self.was_deaf, self._heard = True, False
                raise Lost("the mail server takes no command behind a message")
            if refused is None and not _accepts(stage, reply):
                refused = self._refused(stage, reply)
            is_taken = is_taken or (stage is Stage.RCPT and reply.is_good)
            if self.is_broken:
                return refused
        if refused is not None and reply.code == 354:
            await self._send_nothing(is_taken)
        return refused

    def _is_open(self) -> bool:
        """Whether all three replies are there and good, as nearly always where they come with the one to the letter before."""
        replies = self._wire.at_hand(3)
        if not replies or not all(map(_accepts, _OPENING, replies)):
            return False
        self._wire.skip(3)
        self._heard = True
        return True

    async def _send_nothing(self, is_taken: bool) -> None:
        """The server wants a message although it took no recipient: an empty one, which then goes nowhere.

        Where it took the recipient after it had refused the sender, only hanging up keeps the empty one from arriving.
        """
        if is_taken:
            self.is_broken = True
            return
        try:
            await self._ask(_END)
        except (Lost, TimeoutError):
            self.is_broken = True

    def _refused(self, stage: Stage, reply: Reply) -> Outcome:
        if not 400 <= reply.code < 600:
            self.is_broken = True  # neither yes nor no: from here on nothing it says can be trusted
        elif stage is Stage.MAIL and reply.code < 500:
            self._bears_nothing = self._bears_nothing or self.messages == 1
            # "Too many messages in this session": before it is taken for a complaint, a new connection is asked.
            self._is_used_up = not self._bears_nothing
            self.was_slowed = self._bears_nothing
        return refusal(stage, reply)

    async def _ask(self, command: bytes) -> Reply:
        self._wire.write(command)
        return await self._read(self._patience.command)

    async def _read(self, seconds: float) -> Reply:
        reply = await self._wire.reply(seconds)
        if reply.code < 400:
            self._heard = True
            return reply
        if is_complaint(reply, self._stage):
            self.was_slowed = True
        if reply.closes:
            self.is_broken = True
        else:
            self._heard = True
        return reply

    def _lost(self, error: Lost | TimeoutError) -> Outcome:
        self.was_silent = isinstance(error, TimeoutError)
        is_first_behind = self._ahead is not None and not self._heard_behind
        self.was_deaf = self.was_deaf or (self._stage is Stage.BODY and is_first_behind and not self.was_silent)
        why = f"{self._stage.value}: {error}" if isinstance(error, Lost) else f"{self._stage.value}: no answer in time"
        return outcomes.unknown(why) if self._stage is Stage.BODY else outcomes.retry(why)

    async def quit(self) -> None:
        """Say goodbye and close; nobody waits long for the answer."""
        try:
            if self.is_quiet:
                self._wire.write(b"QUIT\r\n")
                await self._wire.reply(1.0)
        except (Lost, TimeoutError):
            pass
        finally:
            self._wire.close()


def _accepts(stage: Stage, reply: Reply) -> bool:
    return reply.code == 354 if stage is Stage.DATA else reply.is_good


def stuffed(message: mime.Message) -> tuple[bytes, ...]:
    """A message as it goes over the wire: only CRLF ends a line, a dot that begins one is doubled, a lone dot ends it."""
    if isinstance(message, mime.Clean):
        return (*message, _END)
    ends = message.count(b"\r\n")
    if message.count(b"\n") != ends or message.count(b"\r") != ends:
        message = _BARE.sub(b"\r\n", message)
    if not message.endswith(b"\r\n"):
        message += b"\r\n"
    if message.startswith(b"."):
        message = b"." + message
    return message.replace(b"\r\n.", b"\r\n.."), _END
