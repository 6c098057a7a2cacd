"""Fixtures for the public pages: the application on a real server on loopback, and a client that keeps no cookies."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, datetime

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette

from intouch.links import Links
from intouch.places.models import Postcode, Ward
from intouch.residents.models import Channel, Consent, Resident, ResidentStatus, Subscription, Topic, WardSource
from intouch.runtime import Runtime
from intouch.web import application


@contextlib.asynccontextmanager
async def serve(app: Starlette, listener: socket.socket) -> AsyncIterator[None]:
    """``app`` on uvicorn, in this loop."""
    config = uvicorn.Config(app, log_level="warning", lifespan="off", access_log=False, server_header=False)
    server = uvicorn.Server(config)
    # The steps of its serve(), without the loop that looks ten times a second whether to stop, nor its patience with clients.
    config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup(sockets=[listener])
    yield
    for one in server.servers:
        one.close()
        await one.wait_closed()
    # A browser asks on for pictures and keeps its connections; left open, the garbage collector would find both in another test.
    if under_way := list(server.server_state.tasks):
        await asyncio.wait(under_way, timeout=5)
    for connection in list(server.server_state.connections):
        connection.transport.abort()
    await asyncio.sleep(0)


@pytest.fixture
async def web(runtime: Runtime) -> AsyncIterator[tuple[Runtime, Starlette, str]]:
    """A runtime whose PUBLIC_URL is really served, the application, and that address."""
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    served = replace(runtime, links=Links(runtime.settings.signing_key(), url))
    app = application.create(served)
    async with serve(app, listener):
        yield served, app, url


@pytest.fixture
async def site(web: tuple[Runtime, Starlette, str]) -> Runtime:
    """The runtime of the served pages."""
    return web[0]


@pytest.fixture
async def client(web: tuple[Runtime, Starlette, str]) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(verify=False, base_url=web[2], follow_redirects=True, timeout=20) as opened:
        yield opened


@pytest.fixture
async def wards(site: Runtime, now: datetime) -> tuple[int, int]:
    """Roker and Fulwell, with a postcode each."""
    async with site.sessions.write() as session:
        roker = Ward(code="E05016389", name="Roker", valid_from=date(2026, 5, 7))
        fulwell = Ward(code="E05016377", name="Fulwell", valid_from=date(2026, 5, 7))
        session.add_all([roker, fulwell])
        await session.flush()
        session.add_all([Postcode(postcode="SR60AA", ward_id=roker.id), Postcode(postcode="SR51AA", ward_id=fulwell.id)])
        return roker.id, fulwell.id


@pytest.fixture
async def grace(site: Runtime, wards: tuple[int, int], now: datetime) -> int:
    """Grace of Roker, who signed up by email alone and gets the digest and surveys."""
    async with site.sessions.write() as session:
        resident = Resident(
            status=ResidentStatus.ACTIVE,
            email="grace@example.org",
            email_confirmed_at=now,
            ward_id=wards[0],
            ward_source=WardSource.POSTCODE,
            postcode="SR60AA",
            consented_at=now,
            was_asked_email=True,
            was_asked_board=True,
            created_at=now,
            joined_at=now,
        )
        session.add(resident)
        await session.flush()
        session.add(Consent(resident_id=resident.id, purpose="test", wording="Yes", given_at=now))
        for topic in (Topic.DIGEST, Topic.SURVEYS):
            session.add(Subscription(resident_id=resident.id, topic=topic, channel=Channel.EMAIL, started_at=now))
        return resident.id
