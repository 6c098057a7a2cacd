"""A mail server that does what the test says at each stage: answers, refuses, stalls, closes, resets or talks nonsense."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

STALL, CLOSE, RESET, NONSENSE = "stall", "close", "reset", "nonsense"

GOOD = {"greeting": "220 ready", "MAIL": "250 2.1.0 ok", "RCPT": "250 2.1.5 ok", "DATA": "354 go on", "final": "250 2.0.0 taken"}


class _End(Exception):
    """This connection is over."""


@dataclass
class ScriptedSmtp:
    """``script`` maps a stage to what happens there, first time, second time, …; after that all is well.

    Stages: greeting, EHLO, MAIL, RCPT, DATA, body (while it is read), final, RSET, QUIT.
    """

    script: Mapping[str, Sequence[str]] = field(default_factory=dict)
    pipelining: bool = True
    is_deaf: bool = False  # throws away what came behind the final dot before its reply
    is_strict: bool = False  # refuses each command of that with 503, as Haraka does
    is_frail: bool = False  # dies of that once it has taken the message, as Dovecot's submission does
    extensions: Sequence[str] = ("8BITMIME",)
    idle: float | None = None  # seconds without a command after which it says 421 and hangs up
    port: int = 0
    connections: int = 0
    taken: list[tuple[str, bytes]] = field(default_factory=list)  # recipient and message as it came over the wire
    commands: list[str] = field(default_factory=list)
    _times: dict[str, int] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}?connections=1"

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            await self._say("greeting", GOOD["greeting"], writer)
            await self._converse(reader, writer)
        except (_End, ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        mailed, recipient = False, ""
        while line := (await self._command(reader, writer)).decode().strip():
            self.commands.append(line)
            verb = line[:4].upper()
            if verb == "EHLO":
                offers = [*(["PIPELINING"] if self.pipelining else []), *self.extensions]
                lines = "".join(f"250-{offer}\r\n" for offer in offers)
                await self._say("EHLO", f"250-scripted\r\n{lines}250 HELP", writer)
            elif verb == "MAIL":
                mailed = not mailed and (await self._say("MAIL", GOOD["MAIL"], writer)) if not mailed else await self._nested(writer)
                recipient = ""
            elif verb == "RCPT":
                accepted = await self._say("RCPT", GOOD["RCPT"] if mailed else "503 5.5.1 MAIL first", writer)
                recipient = line[len("RCPT TO:<") : -1] if accepted else ""
            elif verb == "DATA":
                if await self._say("DATA", GOOD["DATA"] if recipient else "503 5.5.1 no valid recipients", writer):
                    await self._body(recipient, reader, writer)
                    mailed = False
            elif verb == "RSET":
                mailed = False
                await self._say("RSET", "250 2.0.0 forgotten", writer)
            elif verb == "QUIT":
                await self._say("QUIT", "221 bye", writer)
                return
            else:
                await self._say(verb, "502 5.5.2 unknown", writer)

    async def _command(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        try:
            return await asyncio.wait_for(reader.readline(), self.idle)
        except TimeoutError:
            writer.write(b"421 4.4.2 Error: timeout exceeded\r\n")
            raise _End from None

    async def _nested(self, writer: asyncio.StreamWriter) -> bool:
        writer.write(b"503 5.5.1 nested MAIL\r\n")
        return True

    async def _body(self, recipient: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines = []
        if "body" in self.script:
            lines.append(await reader.readline())  # in its middle
        await self._say("body", "", writer)
        while (line := await reader.readline()) != b".\r\n":
            if not line:
                raise _End
            lines.append(line)
        behind = b""
        if self.is_deaf or self.is_strict or self.is_frail:
            with contextlib.suppress(TimeoutError):
                behind = await asyncio.wait_for(reader.read(65536), 0.05)
        if self.is_frail and behind:
            self.taken.append((recipient, b"".join(lines)))
            raise _End
        is_taken = await self._say("final", GOOD["final"] if recipient else "554 5.5.1 no valid recipients", writer)
        if self.is_strict:
            writer.write(b"503 Bad sequence of commands\r\n" * behind.count(b"\n"))
        if is_taken:
            self.taken.append((recipient, b"".join(lines)))

    async def _say(self, stage: str, otherwise: str, writer: asyncio.StreamWriter) -> bool:
        """Do what the script says at this stage; whether the answer was a good one."""
        turn = self._times.get(stage, 0)
        self._times[stage] = turn + 1
        scripted = self.script.get(stage, ())
        action = scripted[turn] if turn < len(scripted) else otherwise
        if action == STALL:
            await asyncio.sleep(3600)
        if action == CLOSE:
            raise _End
        if action == RESET:
            # Linger of zero seconds makes the close a reset.
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
            raise _End
        if action == NONSENSE:
            action = "hello, is this a web server?"
        if action:
            writer.write(f"{action}\r\n".encode())
            await writer.drain()
        if action.startswith("421"):
            raise _End
        return action[:1] in ("2", "3")


@asynccontextmanager
async def serving(server: ScriptedSmtp) -> AsyncIterator[ScriptedSmtp]:
    """The server on a free port of the loopback."""
    handlers: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        handlers.add(task)
        with contextlib.suppress(asyncio.CancelledError):
            await server.handle(reader, writer)

    listener = await asyncio.start_server(handle, "127.0.0.1", 0)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        for task in handlers:
            task.cancel()
        await asyncio.gather(*handlers, return_exceptions=True)
        await listener.wait_closed()
