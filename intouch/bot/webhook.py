"""Webhook: takes updates that Telegram brings to our own web server, and answers a tap in the same breath."""

from __future__ import annotations

import asyncio
import hmac
from typing import Any

import sqlalchemy as sa
import telegram
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from intouch import logs
from intouch.bot import ending, incoming, menu, replying
from intouch.bot.dispatcher import Dispatcher
from intouch.bot.incoming import ALLOWED_UPDATES
from intouch.channels import bot_json
from intouch.channels.calling import understood
from intouch.channels.telegram import CouncilBot
from intouch.residents.models import WaitingUpdate
from intouch.runtime import Runtime

log = logs.get("bot")

PATH = "/telegram/updates"
HEADER = "X-Telegram-Bot-Api-Secret-Token"
MOST_CONNECTIONS = 100  # the most that the Bot API opens
LONGEST_PAUSE = 30.0
LOOK_EVERY = 60.0  # seconds
MOST_BYTES = 1_000_000  # many times the longest update


class TooLong(Exception):
    """A body that is no update."""


class Webhook:
    """As many processes as wanted may serve one each: an update has one effect, whichever of them it is brought to."""

    def __init__(self, runtime: Runtime, bot: CouncilBot, dispatcher: Dispatcher) -> None:
        self.runtime = runtime
        self.bot = bot
        self.dispatcher = dispatcher
        self.route = Route(PATH, self.receive, methods=["POST"])
        self._secret = runtime.settings.telegram_webhook.get_secret_value()
        self._under_way: set[asyncio.Task[None]] = set()
        self.look_every = LOOK_EVERY

    def before(self, pages: ASGIApp) -> ASGIApp:
        """The pages with the webhook in front: what Telegram brings by the thousand needs nothing that is there for browsers."""

        async def served(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http" or scope["path"] != PATH or scope["method"] != "POST":
                return await pages(scope, receive, send)
            response = await self.receive(Request(scope, receive))
            return await response(scope, receive, send)

        return served

    async def run(self) -> None:
        """Tell Telegram where to bring updates, and go on with what a poller wrote down; ends when cancelled."""
        try:
            await self._announce()
            await menu.publish(self.runtime, self.bot)
            await self._go_on()
            await self._keep()
        finally:
            await ending.end(self._under_way)
            await self.dispatcher.close()

    async def _announce(self) -> None:
        """However long the Bot API is away, updates that it brings meanwhile are taken."""
        pause = 1.0
        while True:
            try:
                await self._set()
            except (telegram.error.TelegramError, OSError) as error:
                log.warning("bot.webhook_not_set", error=type(error).__name__, pause=pause)
                await asyncio.sleep(pause)
                pause = min(LONGEST_PAUSE, pause * 2)
            else:
                log.info("bot.listening")
                return

    async def _keep(self) -> None:
        """Whoever polls with this token takes the webhook away, such as a process from before the change of settings as it ends."""
        while True:
            await asyncio.sleep(self.look_every)
            try:
                if (await self.bot.call("getWebhookInfo"))["url"] == self._url:
                    continue
            except (telegram.error.TelegramError, OSError, LookupError, TypeError):
                continue  # looked at again soon
            log.warning("bot.webhook_lost", why="another process polls with this token or set its own webhook; stop it", then="set again")
            await self._announce()

    @property
    def _url(self) -> str:
        return f"{self.runtime.links.public_url}{PATH}"

    async def _set(self) -> None:
        await understood(
            self.bot.set_webhook(self._url, secret_token=self._secret, allowed_updates=ALLOWED_UPDATES, max_connections=MOST_CONNECTIONS)
        )

    async def receive(self, request: Request) -> Response:
        """200 once the effect is stored: until then Telegram brings the update again."""
        if not hmac.compare_digest(request.headers.get(HEADER, "").encode(), self._secret.encode()):
            return Response(status_code=403)
        try:
            body = bot_json.read(await _body(request))
        except TooLong:
            return Response(status_code=413)
        except (ValueError, ClientDisconnect):
            return Response(status_code=400)
        if not incoming.is_update(body):
            return Response(status_code=400)
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        task = self._take(body, answer)
        # A tap is answered as soon as its effect is stored; a message's reply must have left before Telegram forgets it.
        waiting: list[asyncio.Future[Any]] = [task, answer]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        if answer.done():
            return Response(bot_json.write(answer.result()), media_type="application/json")
        return Response(status_code=503 if task.cancelled() else 200)  # cut short as we stop: to be brought again

    def _take(self, body: dict[str, Any], answer: asyncio.Future[dict[str, Any]] | None = None) -> asyncio.Task[None]:
        def stop_waiting(tap_id: str, toast: str) -> bool:
            if answer is None or answer.done():
                return False
            answer.set_result({"method": "answerCallbackQuery", "callback_query_id": tap_id, **replying.toast(toast)})
            return True

        task = asyncio.create_task(self.dispatcher.take(body, stop_waiting=stop_waiting))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return task

    async def _go_on(self) -> None:
        async with self.runtime.sessions.read() as session:
            bodies = list(await session.scalars(sa.select(WaitingUpdate.body).order_by(WaitingUpdate.update_id)))
        for body in bodies:
            await self._take(body)
            async with self.runtime.sessions.write() as session:
                await session.execute(sa.delete(WaitingUpdate).where(WaitingUpdate.update_id == body["update_id"]))


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_BYTES:
            raise TooLong
    return bytes(body)
