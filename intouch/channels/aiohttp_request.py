"""AiohttpRequest: python-telegram-bot's road to the Bot API, on aiohttp; tells apart what may have arrived."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from datetime import timedelta
from functools import lru_cache
from typing import Any, NoReturn

import aiohttp
from telegram.error import NetworkError, RetryAfter, TelegramError, TimedOut
from telegram.request import BaseRequest, RequestData

from intouch.channels import bot_json

_LARGEST_ANSWER = 32 * 1024 * 1024  # bytes; the Bot API gives away no file of more than 20 MB
_LONGEST_WAIT = 86_400.0  # seconds
_JSON = {"Content-Type": "application/json"}


class NotConnected(NetworkError):
    """No connection came about: the request certainly did not arrive."""


class TurnedAway(NotConnected):
    """What stands before the Bot API, such as a proxy, refused the request in words of its own: nobody's chat is meant."""

    def __init__(self, status: int) -> None:
        super().__init__(f"what answered is no Bot API (HTTP {status})")


class MayHaveArrived(TimedOut):
    """The request was under way when the line broke or time ran out: nobody knows whether it arrived."""


class FloodWait(RetryAfter):
    """429: the Bot API wants us to wait. (The library's own class warns about itself whenever it is made.)"""

    def __init__(self, seconds: float) -> None:
        TelegramError.__init__(self, f"Flood control exceeded. Retry in {seconds:g} seconds")
        self._retry_after = timedelta(seconds=seconds)

    @property
    def retry_after(self) -> int:
        return int(self._retry_after.total_seconds())


class PlainData:
    """Parameters that are JSON as they stand, in place of the library's ``RequestData``; those that are None stay away."""

    __slots__ = ("json_parameters",)
    contains_files = False

    def __init__(self, parameters: Mapping[str, Any]) -> None:
        self.json_parameters = {name: value for name, value in parameters.items() if value is not None}


class AiohttpRequest(BaseRequest):
    """One pool of connections. Proxies from the environment are ignored; no error holds the URL, for the token is in it."""

    def __init__(self, *, connections: int = 256, connect: float = 10.0, read: float = 20.0, media: float = 60.0) -> None:
        self._connections = connections
        self._connect = connect
        self._read = read
        self._media = media
        self._session: aiohttp.ClientSession | None = None
        self.fastest = float("inf")  # seconds: how far away the other side is, once enough was asked when nothing else was to do

    @property
    def read_timeout(self) -> float | None:
        return self._read

    @staticmethod
    def parse_json_payload(payload: bytes) -> Any:
        """What the library's own does, but it writes what it cannot read into the log, people's words and all."""
        try:
            return bot_json.read(payload)
        except ValueError:
            raise TelegramError("Invalid server response") from None

    async def initialize(self) -> None:
        if self._session is None or self._session.closed:
            connector = aiohttp.TCPConnector(limit=self._connections, keepalive_timeout=30, ttl_dns_cache=60)
            headers = {"User-Agent": self.USER_AGENT}
            # The Bot API sets no cookies; to look for them at each call costs more than to make its JSON.
            jar = aiohttp.DummyCookieJar()
            self._session = aiohttp.ClientSession(connector=connector, trust_env=False, headers=headers, cookie_jar=jar)

    async def shutdown(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def do_request(  # noqa: PLR0917 - the library's signature
        self,
        url: str,
        method: str,
        request_data: RequestData | None = None,
        read_timeout: Any = BaseRequest.DEFAULT_NONE,
        write_timeout: Any = BaseRequest.DEFAULT_NONE,
        connect_timeout: Any = BaseRequest.DEFAULT_NONE,
        pool_timeout: Any = BaseRequest.DEFAULT_NONE,
    ) -> tuple[int, bytes]:
        """One request: status and body. aiohttp knows no time limit for writing alone: ``write_timeout`` widens the whole."""
        await self.initialize()
        session = self._session
        assert session is not None
        uploads = request_data is not None and request_data.contains_files
        read = self._seconds(read_timeout, self._media if uploads else self._read)
        connect = self._seconds(connect_timeout, self._connect)
        write = self._seconds(write_timeout, self._media if uploads else self._read)
        total = None if method == "GET" or None in (read, connect, write) else read + connect + write
        timeout = _timeout(total, self._seconds(pool_timeout, connect), connect, read)
        began = time.monotonic()
        try:
            body, headers = _body(request_data)
            async with session.request(method, url, data=body, headers=headers, timeout=timeout, allow_redirects=False) as response:
                payload = await _read(response)
                status = response.status
        except Exception as error:
            _translate(error)
        self.fastest = min(self.fastest, time.monotonic() - began)
        if status == 429:
            raise FloodWait(_retry_after(payload))
        if status >= 300 and not _is_refusal(payload):
            raise TurnedAway(status) if status < 500 else NetworkError(f"what answered is no Bot API (HTTP {status})")
        return status, payload

    def _seconds(self, given: Any, otherwise: float) -> Any:
        return otherwise if given is self.DEFAULT_NONE else given


@lru_cache(maxsize=16)  # nearly all calls have the same, and making it costs as much as reading an answer
def _timeout(total: float | None, pool: float | None, connect: float | None, read: float | None) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total, connect=pool, sock_connect=connect, sock_read=read)


def _body(data: RequestData | None) -> tuple[aiohttp.FormData | bytes | None, dict[str, str] | None]:
    """The body and its headers. The Bot API takes JSON too, where a string is what it would be in a form; it is cheaper to make."""
    if data is None:
        return None, None
    if not data.contains_files:
        return bot_json.write(data.json_parameters), _JSON
    form = aiohttp.FormData()
    for name, value in data.json_parameters.items():
        form.add_field(name, value)
    for name, (filename, contents, mime_type) in data.multipart_data.items():
        form.add_field(name, contents, filename=filename, content_type=mime_type)
    return form, None


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """The whole body, if it has an end."""
    body = bytearray()
    async for part in response.content.iter_any():
        body += part
        if len(body) > _LARGEST_ANSWER:
            raise aiohttp.ClientPayloadError("too large")
    return bytes(body)


def _translate(error: Exception) -> NoReturn:
    """Raise what the library knows, without the cause: an aiohttp error may quote the URL."""
    name = type(error).__name__
    if isinstance(error, (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.ClientConnectorCertificateError)):
        raise NotConnected(f"no connection to the Bot API ({name})") from None
    # What is no HTTP came from somebody to whom the request was made.
    if isinstance(error, (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, aiohttp.ClientResponseError, TimeoutError, OSError)):
        raise MayHaveArrived(f"the Bot API did not answer ({name})") from None
    if isinstance(error, aiohttp.InvalidURL):
        raise NotConnected("the Bot API's address is not a web address") from None
    raise NetworkError(f"the request could not be made ({name})") from None


def _is_refusal(payload: bytes) -> bool:
    """Whether the Bot API itself says no, in its own form."""
    try:
        said = bot_json.read(payload)
    except ValueError:
        return False
    return isinstance(said, dict) and said.get("ok") is False


def _retry_after(payload: bytes) -> float:
    """Whole seconds, for a part of one too early is too early; what is no number of seconds is a guess."""
    try:
        return bearable(math.ceil(float(bot_json.read(payload)["parameters"]["retry_after"])))
    except (ValueError, KeyError, TypeError, OverflowError):
        return 5.0


def bearable(seconds: float) -> float:
    """A wait that was asked for, from a second to a day: a mistake at the other side must not silence us for years."""
    return min(_LONGEST_WAIT, max(1.0, seconds))
