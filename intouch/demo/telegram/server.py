"""Server: the simulated Bot API over HTTP, and the switches that tests and the demo turn."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from intouch.demo.telegram import methods, parameters, sending
from intouch.demo.telegram.faults import AnswerLost, Fault, Faults, Hangs, Limits, Odd
from intouch.demo.telegram.person import Person
from intouch.demo.telegram.refusals import Refused
from intouch.demo.telegram.serving import serve
from intouch.demo.telegram.updates import Updates
from intouch.demo.telegram.world import Message, User, World, machine_time

TOKEN = "1234567890:AAF-simulated-telegram-of-in-touch-0"  # noqa: S105 - opens nothing

Method = Callable[[World, Updates, parameters.Parameters], Awaitable[Any]]
_METHODS: dict[str, Method] = {
    "getMe": methods.get_me,
    "getUpdates": methods.get_updates,
    "setWebhook": methods.set_webhook,
    "deleteWebhook": methods.delete_webhook,
    "getWebhookInfo": methods.get_webhook_info,
    "setMyCommands": methods.set_my_commands,
    "getMyCommands": methods.get_my_commands,
    "deleteMyCommands": methods.delete_my_commands,
    "setMyDescription": methods.set_my_description,
    "setMyShortDescription": methods.set_my_short_description,
    "setMyName": methods.set_my_name,
    "getChat": methods.get_chat,
    "getFile": methods.get_file,
    "answerCallbackQuery": methods.answer_callback_query,
    "sendMessage": sending.send_message,
    "sendPhoto": sending.send_photo,
    "sendDocument": sending.send_document,
    "sendLocation": sending.send_location,
    "sendChatAction": sending.send_chat_action,
    "editMessageText": sending.edit_message_text,
    "editMessageReplyMarkup": sending.edit_message_reply_markup,
    "deleteMessage": sending.delete_message,
}
_BY_LOWER_CASE = {name.lower(): name for name in _METHODS}  # Telegram takes method names in any case
_COUNTED = {"sendMessage", "sendPhoto", "sendDocument", "sendLocation", "editMessageText", "editMessageReplyMarkup"}


class SimulatedTelegram:
    """A Telegram with one bot. ``url`` and ``token`` go into the settings; ``person`` acts as somebody with a phone."""

    def __init__(self, *, token: str = TOKEN, clock: Callable[[], datetime] = machine_time) -> None:
        self.world = World(token, clock=clock)
        self.updates = Updates()
        self.updates.on_call = self._call_in_answer
        self.faults = Faults()
        self.limits: Limits | None = None
        self.calls: list[tuple[str, str]] = []  # (method, chat id) of every call that got as far as its method
        self.url = ""
        self.token = token
        self.application = Starlette(
            routes=[
                Route("/bot{token}/{method}", self._call, methods=["GET", "POST"]),
                Route("/file/bot{token}/{path:path}", self._download, methods=["GET"]),
                Route("/{path:path}", _not_found, methods=["GET", "POST"]),
            ]
        )

    # -- people

    def person(self, user_id: int, first_name: str = "", *, language: str = "en", has_started: bool = False) -> Person:
        """The person with this id, made when there is none; ``has_started``: they wrote to the bot before."""
        user = self.world.users.get(user_id)
        if user is None:
            user = self.world.users[user_id] = User(user_id, first_name or f"Person {user_id}", language)
        user.has_started = user.has_started or has_started
        return Person(self.world, self.updates, user)

    # -- what goes wrong on request

    def fail_next(
        self,
        method: str = "",
        *,
        code: int = 500,
        description: str = "Internal Server Error",
        retry_after: int | None = None,
        chat_id: int | str = "",
        times: int = 1,
    ) -> None:
        """Refuse the next ``times`` calls (of ``method``, to ``chat_id``); code 429 takes ``retry_after`` seconds."""
        if code == 429:
            refusal = Refused(429, f"Too Many Requests: retry after {retry_after or 1}", retry_after=retry_after or 1)
        else:
            refusal = Refused(code, description)
        self.faults.planned.append(Fault(refusal, method, str(chat_id), times))

    def lose_next_answer(self, method: str = "", *, chat_id: int | str = "", hangs_for: float = 0, times: int = 1) -> None:
        """Let the next calls take effect and break the line (after ``hangs_for`` seconds) before their answer."""
        error = Hangs(hangs_for) if hangs_for else AnswerLost()
        self.faults.planned.append(Fault(error, method, str(chat_id), times))

    def answer_oddly(self, method: str = "", *, body: str, chat_id: int | str = "", times: int = 1) -> None:
        """Answer the next calls with ``body`` and 200, as a proxy on the way might; they have no effect."""
        self.faults.planned.append(Fault(Odd(body), method, str(chat_id), times))

    def down(self, seconds: float) -> None:
        """Answer everything with 502 Bad Gateway for so long; 0 ends it."""
        self.faults.go_down(seconds)

    def slow(self, seconds: float) -> None:
        """Let every answer take so much longer."""
        self.faults.latency = seconds

    def enforce_limits(self, *, per_second: int = 30, per_chat_burst: int = 1) -> Limits:
        """Refuse with 429 what is over Telegram's limits; gives the counter."""
        self.limits = Limits(per_second=per_second, per_chat_burst=per_chat_burst)
        return self.limits

    def redeliver_last(self, number: int = 1) -> None:
        """Deliver the last updates once more, as Telegram does when it is not sure that they arrived."""
        self.updates.redeliver_last(number)

    def deliver_twice(self, is_on: bool = True) -> None:
        """Deliver every update twice from now on."""
        self.updates.delivers_twice = is_on

    def expire_taps(self) -> None:
        """Make every tap that was not answered yet too old to be answered."""
        for tap in self.world.taps.values():
            tap.is_too_old = tap.answer is None

    # -- what the bot did

    @property
    def messages(self) -> list[Message]:
        """Everything that the bot said to anybody, in the order in which it said it."""
        said = (message for user in self.world.users.values() for message in user.messages if message.is_from_bot)
        return sorted(said, key=lambda message: message.message_id)

    async def wait_until_heard(self, *, timeout: float = 5.0) -> None:
        """Wait until the bot has confirmed every update."""
        async with asyncio.timeout(timeout):
            await self.updates.drained()

    # -- HTTP

    async def _call_in_answer(self, method: str, given: dict[str, Any]) -> None:
        name = _BY_LOWER_CASE.get(method.lower(), "")
        self.calls.append((name, str(given.get("chat_id", ""))))
        with contextlib.suppress(Refused):
            await _METHODS[name](self.world, self.updates, given)

    async def _call(self, request: Request) -> Response:
        if self.faults.is_down:
            return PlainTextResponse("<html><h1>502 Bad Gateway</h1></html>", status_code=502)
        await self.faults.wait()
        try:
            return JSONResponse({"ok": True, "result": await self._result(request)})
        except Refused as refusal:
            return JSONResponse(refusal.to_json(), status_code=refusal.code)
        except Odd as odd:
            return PlainTextResponse(odd.body)
        except AnswerLost:
            return _CutShort()
        except Hangs as hangs:
            await asyncio.sleep(hangs.seconds)
            return _CutShort()

    async def _result(self, request: Request) -> Any:
        if request.path_params["token"] != self.token:
            raise Refused(401, "Unauthorized")
        name = _BY_LOWER_CASE.get(request.path_params["method"].lower())
        if name is None:
            raise Refused(404, "Not Found")
        given = await parameters.read(request, name)
        chat_id = str(given.get("chat_id", ""))
        self.calls.append((name, chat_id))
        self.faults.strike(name, chat_id, after_the_call=False)
        if self.limits and name in _COUNTED:
            self.limits.count(chat_id)
        result = await _METHODS[name](self.world, self.updates, given)
        self.faults.strike(name, chat_id, after_the_call=True)
        return result

    async def _download(self, request: Request) -> Response:
        stored = next((file for file in self.world.files.values() if file.path == request.path_params["path"]), None)
        if self.faults.is_down:
            return PlainTextResponse("Bad Gateway", status_code=502)
        if request.path_params["token"] != self.token or stored is None:
            return JSONResponse(Refused(404, "Not Found").to_json(), status_code=404)
        return Response(stored.contents, media_type="application/octet-stream")


class _CutShort(Response):
    """An answer whose line breaks before its end."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1000")]})
        await send({"type": "http.response.body", "body": b'{"ok"', "more_body": True})
        # Uvicorn closes the connection of an answer that ends before its announced length.


async def _not_found(_request: Request) -> Response:
    return JSONResponse(Refused(404, "Not Found").to_json(), status_code=404)


@contextlib.asynccontextmanager
async def simulated_telegram(
    *, port: int = 0, token: str = TOKEN, clock: Callable[[], datetime] = machine_time
) -> AsyncIterator[SimulatedTelegram]:
    """A simulated Telegram on a loopback port (0: a free one) while the block runs."""
    telegram = SimulatedTelegram(token=token, clock=clock)
    async with serve(telegram.application, port=port) as chosen:
        telegram.url = f"http://127.0.0.1:{chosen}"
        try:
            yield telegram
        finally:
            await telegram.updates.close()
