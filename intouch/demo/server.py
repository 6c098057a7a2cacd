"""Server: starts the simulated servers, then the same application as everybody's, pointed at them."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import typer
import uvloop
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from intouch import app, logs
from intouch.clock import ShiftedClock
from intouch.demo import cast, page
from intouch.demo.mailbox import mailbox
from intouch.demo.neighbours import Neighbours
from intouch.demo.seed import seed
from intouch.demo.stage import Stage
from intouch.demo.telegram import SimulatedTelegram, simulated_telegram
from intouch.settings import Settings
from intouch.storage import revision
from intouch.web.serving import PortTaken


class DemoSettings(Settings):
    """What the demo says and the defaults: a council's own Notify key, Maildir or webhook has no place in a play."""

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource, *_others: Any, **_more: Any
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


def demo_settings(folder: Path, *, port: int, telegram: SimulatedTelegram, smtp_url: str) -> Settings:
    """The settings of the demo: two addresses point at the simulated servers, the rest is what a council would write."""
    own: dict[str, Any] = {
        "data_dir": folder,
        "epoch_file": folder / "epoch.json",
        "telegram_api_url": telegram.url,
        "telegram_token": telegram.token,
        "smtp_url": smtp_url,
        "email_from": "In Touch <intouch@council.example>",
        "public_url": f"http://127.0.0.1:{port}",
        "listen": f"127.0.0.1:{port}",
        "council_name": "Sunderland City Council (demo)",
        "council_address": "City Hall, Plater Way, Sunderland",
    }
    return DemoSettings(**own)


@contextlib.asynccontextmanager
async def start(port: int, folder: Path) -> AsyncIterator[Stage]:
    """The demo on 127.0.0.1 while the block runs, with its data in ``folder`` (empty: seeded first)."""
    clock = ShiftedClock()
    async with simulated_telegram(clock=clock.now) as telegram, mailbox(clock=clock.now) as box:
        chosen = demo_settings(folder, port=port, telegram=telegram, smtp_url=box.url)
        application = app.Application(chosen, clock=clock)
        stage = Stage(telegram, box, clock, application.runtime)
        application.web = page.create(stage, application.pages)
        await revision.make_ready(application.runtime.sessions.engine)
        await seed(application.runtime)
        for member in cast.WITH_A_PHONE:
            telegram.person(member.telegram_id, member.name, has_started=member is not cast.NADIA)
        answering = asyncio.create_task(Neighbours(telegram).run())
        try:
            await application.start()
            yield stage
        finally:
            stage.is_closing.set()
            answering.cancel()
            await application.stop()


def run(port: int) -> None:
    """Run the demo until Ctrl-C or SIGTERM; each start is a fresh council."""
    logs.configure("warning")
    try:
        with tempfile.TemporaryDirectory(prefix="intouch-demo-") as folder:
            uvloop.run(_run(port, Path(folder)))
    except PortTaken:
        raise PortTaken(f"Port {port} can't be had. Name another: `PORT=8080 make demo`, or `intouch demo --port 8080`.") from None


async def _run(port: int, folder: Path) -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    async with start(port, folder):
        typer.echo(f"In Touch is at http://127.0.0.1:{port}\nNothing leaves this machine. Ctrl-C stops it; every start is a fresh council.")
        await stopping.wait()
