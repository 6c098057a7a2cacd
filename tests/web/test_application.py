"""What every page has in common: headers, methods, sizes, failures and health."""

import asyncio
import re
import socket
from dataclasses import replace

import httpx
import pytest
import sqlalchemy as sa
import uvicorn
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from intouch.runtime import Runtime
from intouch.storage import revision
from intouch.web import application, headers, pages, serving
from tests.conftest import ON_ONE_DATABASE
from tests.faults import failing
from tests.web.conftest import serve

PAGES = ["/", "/join", "/join/check-your-email", "/results", "/privacy"]


@ON_ONE_DATABASE
@pytest.mark.parametrize("path", [*PAGES, "/robots.txt", "/favicon.ico", "/static/govuk.css", "/health/live", "/health/ready", "/nowhere"])
async def test_every_response_carries_the_security_headers_and_no_cookie(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert answer.headers["Content-Security-Policy"] == headers.POLICY
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert "set-cookie" not in answer.headers
    assert answer.headers["Cache-Control"] == ("no-store" if "static" not in path else "public, max-age=0")


@ON_ONE_DATABASE
@pytest.mark.parametrize("path", PAGES)
async def test_pages_hold_nothing_inline_and_nothing_from_elsewhere(client: httpx.AsyncClient, path: str) -> None:
    text = (await client.get(path)).text
    assert not re.search(r"<style|style=|<script(?! src=\"/static/)|\son\w+=", text)
    sources = re.findall(r'(?:src|href)="([^"]*)"', text)
    assert all(re.match(r"/|#|https://ico\.org\.uk/", source) for source in sources)


@ON_ONE_DATABASE
@pytest.mark.parametrize("path", PAGES)
async def test_head_is_a_get_without_its_body(client: httpx.AsyncClient, path: str) -> None:
    got, headed = await client.get(path), await client.head(path)
    assert headed.status_code == got.status_code == 200
    assert headed.content == b""
    assert headed.headers["Content-Length"] == got.headers["Content-Length"]


@ON_ONE_DATABASE
@pytest.mark.parametrize(
    ("path", "allowed"),
    [("/join", "GET, HEAD, OPTIONS, POST"), ("/privacy", "GET, HEAD, OPTIONS"), ("/answer/x", "GET, HEAD, OPTIONS, POST")],
)
async def test_options_and_a_wrong_method_say_what_the_address_takes(client: httpx.AsyncClient, path: str, allowed: str) -> None:
    options, wrong = await client.options(path), await client.delete(path)
    assert (options.status_code, options.headers["Allow"]) == (204, allowed)
    assert (wrong.status_code, wrong.headers["Allow"]) == (405, allowed)
    assert "That did not work" in wrong.text


@pytest.mark.parametrize(
    "path", ["/nowhere", "/answer", "/results/one", "/results/99999999999999999999", "/static/none.css", "/static/%2e%2e/pages.py"]
)
async def test_a_page_that_is_not_there_has_the_same_look_and_a_way_on(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.get(path)
    assert answer.status_code == 404
    assert "<title>Page not found" in answer.text
    assert "Go to the start page" in answer.text


@ON_ONE_DATABASE
@pytest.mark.parametrize("has_length", [True, False])
@pytest.mark.parametrize("path", ["/join", "/privacy", "/nowhere"])
async def test_a_body_that_is_too_large_is_refused_however_it_is_sent(
    client: httpx.AsyncClient, capsys: pytest.CaptureFixture[str], has_length: bool, path: str
) -> None:
    async def chunks():  # type: ignore[no-untyped-def]
        for _ in range(20):
            yield b"email=" + b"x" * 10_000 + b"&"

    body = b"email=" + b"x" * 200_000 if has_length else chunks()  # type: ignore[no-untyped-call]
    answer = await client.post(path, content=body, headers={"Content-Type": "application/x-www-form-urlencoded"})
    if has_length or path == "/join":  # what nobody reads is counted by nobody
        assert answer.status_code == 413
        assert answer.headers["Content-Type"].startswith("text/html") and "<title>That is too long" in answer.text
    assert "Content-Security-Policy" in answer.headers
    assert "web.failed" not in "".join(capsys.readouterr()), "it is no fault of ours"


@ON_ONE_DATABASE
@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"a=1&" * 5_000, "application/x-www-form-urlencoded"),
        (b"--x\r\nnonsense", "multipart/form-data; boundary=x"),
        (b"", "multipart/form-data"),
    ],
)
async def test_a_body_that_is_no_form_is_refused_with_a_sentence(client: httpx.AsyncClient, body: bytes, content_type: str) -> None:
    answer = await client.post("/join", content=body, headers={"Content-Type": content_type})
    assert answer.status_code == 400
    assert "govuk-heading-l" in answer.text


async def test_a_bug_is_apologised_for_and_logged_under_an_id_without_what_people_wrote(
    runtime: Runtime, capsys: pytest.CaptureFixture[str]
) -> None:
    async def broken(request: object) -> None:
        raise ValueError("grace@example.org")

    app = application.create(runtime)
    app.router.routes.insert(0, Route("/answer/{token}", broken))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(verify=False, transport=transport, base_url="http://test") as client:
        answer = await client.get("/answer/secret-token")
    assert answer.status_code == 500
    assert answer.headers["Content-Security-Policy"] == headers.POLICY
    error_id = re.search(r"<strong>([0-9a-f]{8})</strong>", answer.text)
    output = "".join(capsys.readouterr())
    assert error_id and error_id[1] in output
    assert "grace@example.org" not in output + answer.text
    assert "secret-token" not in output


@ON_ONE_DATABASE
@pytest.mark.parametrize("path", ["/join", "/webhooks/postmark/x"])
async def test_who_goes_away_before_all_is_said_is_no_bug(runtime: Runtime, path: str, capsys: pytest.CaptureFixture[str]) -> None:
    site = replace(runtime, settings=runtime.settings.model_copy(update={"postmark_secret": SecretStr("x")}))
    app, ended = application.create(site), asyncio.Event()

    async def noted(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, send)
        finally:
            ended.set()

    listener = socket.create_server(("127.0.0.1", 0))
    async with serve(noted, listener):  # type: ignore[arg-type]
        _, writer = await asyncio.open_connection(*listener.getsockname())
        kind = b"Content-Type: application/x-www-form-urlencoded"
        writer.write(b"POST %b HTTP/1.1\r\nHost: x\r\n%b\r\nContent-Length: 1000\r\n\r\nemail=grace" % (path.encode(), kind))
        await writer.drain()
        writer.transport.abort()
        await asyncio.wait_for(ended.wait(), timeout=20)
    assert "web.failed" not in "".join(capsys.readouterr())


async def test_a_database_that_is_away_is_said_to_be_passing(runtime: Runtime) -> None:
    async def full(request: object) -> None:
        raise sa.exc.OperationalError("INSERT", {}, Exception("disk full"))

    app = application.create(runtime)
    app.router.routes.insert(0, Route("/join", full))
    async with httpx.AsyncClient(verify=False, transport=httpx.ASGITransport(app), base_url="http://test") as client:
        answer = await client.get("/join")
    assert answer.status_code == 503
    assert "Please try again in a few minutes" in answer.text


async def test_alive_and_ready(client: httpx.AsyncClient) -> None:
    assert (await client.get("/health/live")).status_code == 200
    answer = await client.get("/health/ready")
    assert (answer.status_code, answer.json()) == (200, {"ready": True})


async def test_a_database_behind_its_migrations_is_alive_and_not_ready(client: httpx.AsyncClient, site: Runtime) -> None:
    async with site.sessions.write() as session:
        await session.execute(sa.text("UPDATE alembic_version SET version_num = '0000'"))
    assert (await client.get("/health/live")).status_code == 200
    answer = await client.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json() == {"ready": False, "reason": "The database is not at the newest migration. Run `intouch db upgrade`."}
    assert revision.newest()


async def test_a_database_that_can_not_be_reached_is_not_ready(client: httpx.AsyncClient) -> None:
    with failing(ConnectionRefusedError("postgresql://user:password@host"), when=lambda said, _: "alembic_version" in said):
        answer = await client.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json() == {"ready": False, "reason": "The database cannot be reached (ConnectionRefusedError)."}


@ON_ONE_DATABASE
async def test_robots_stay_away_from_private_addresses(client: httpx.AsyncClient) -> None:
    text = (await client.get("/robots.txt")).text
    assert all(f"Disallow: {path}\n" in text for path in headers.PRIVATE)
    assert (await client.get("/answer/x")).headers["X-Robots-Tag"] == "noindex, nofollow"


@ON_ONE_DATABASE
async def test_files_with_a_fingerprint_are_kept_for_a_year(client: httpx.AsyncClient) -> None:
    address = re.search(r'href="(/static/govuk\.css[^"]*)"', (await client.get("/")).text)
    assert address
    assert (await client.get(address[1])).headers["Cache-Control"] == "public, max-age=31536000"


def test_no_file_of_ours_holds_the_font_or_the_arms_that_belong_to_gov_uk() -> None:
    text = "".join(path.read_text() for path in pages.STATIC.iterdir() if path.suffix in (".css", ".js", ".svg"))
    assert not re.search(r"GDS Transport|crest|crown|@font-face|url\(", text)


async def test_the_start_page_links_to_the_bot_once_its_name_is_known(
    client: httpx.AsyncClient, web: tuple[Runtime, Starlette, str]
) -> None:
    assert "t.me" not in (await client.get("/")).text
    web[1].state.bot_name = "SunderlandInTouchBot"
    assert 'href="https://t.me/SunderlandInTouchBot"' in (await client.get("/")).text


async def test_a_path_in_public_url_is_in_every_link(runtime: Runtime) -> None:
    runtime.links.public_url = "https://council.example/in-touch"
    app = application.create(runtime)
    async with httpx.AsyncClient(verify=False, transport=httpx.ASGITransport(app), base_url="http://test") as client:
        answer = await client.get("/")
    assert 'href="/in-touch/join"' in answer.text
    assert not re.search(r'(?:src|href)="/(?!in-touch/)', answer.text)
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


async def test_twenty_people_at_once_are_all_served(client: httpx.AsyncClient) -> None:
    answers = await asyncio.gather(*(client.get("/join") for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200}
    assert uvicorn.__version__


async def test_small_answers_leave_at_once() -> None:
    listener = serving.bind("127.0.0.1:0")
    listener.listen()
    accepted: asyncio.Queue[asyncio.StreamWriter] = asyncio.Queue()
    async with await asyncio.start_server(lambda _reader, writer: accepted.put_nowait(writer), sock=listener):
        _reader, client = await asyncio.open_connection(*listener.getsockname())
        served = await accepted.get()
        assert served.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        for writer in (client, served):
            writer.close()
            await writer.wait_closed()
