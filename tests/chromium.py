"""One Chromium for all tests of a process: starting a browser costs as much as what a test does in it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright

# The browser without its windows does the same in half the time; where it is missing, the whole browser does.
CHROMIUM = shutil.which("chromium-headless-shell") or shutil.which("chromium") or ""
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--disable-component-update",
    "--disable-background-networking",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--remote-debugging-port=0",
]


@pytest.fixture(scope="session")
def chromium() -> Iterator[str]:
    """The address of a running Chromium; without one on this machine the test is skipped."""
    if not CHROMIUM:
        pytest.skip("there is no Chromium here (apt install chromium-headless-shell)")
    command = [CHROMIUM, *ARGUMENTS]
    with (
        tempfile.TemporaryDirectory(prefix="intouch-chromium-", ignore_cleanup_errors=True) as profile,
        subprocess.Popen([*command, f"--user-data-dir={profile}"], stderr=subprocess.DEVNULL, start_new_session=True) as running,
    ):
        try:
            yield _address(Path(profile) / "DevToolsActivePort", running)
        finally:
            os.killpg(running.pid, signal.SIGKILL)  # Debian's command is a script that waits for the browser


def _address(written: Path, running: subprocess.Popen[bytes]) -> str:
    # Chromium writes the port it took and a secret path, a line each.
    for _ in range(1_000):
        assert running.poll() is None, "Chromium stopped by itself"
        lines = written.read_text().splitlines() if written.exists() else []
        if len(lines) == 2:
            return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
        time.sleep(0.03)
    raise AssertionError("Chromium did not start within half a minute")


@asynccontextmanager
async def visited(address: str) -> AsyncIterator[Browser]:
    """The running Chromium, for one test: its own contexts are gone afterwards."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.connect_over_cdp(address)
        yield browser
        for context in browser.contexts:
            await context.close()
        await browser.close()
