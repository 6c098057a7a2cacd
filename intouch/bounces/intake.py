"""Intake: the one way in for reports, however they come; each in a transaction of its own."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

from intouch import logs
from intouch.bounces import reading, recording
from intouch.bounces.reading import Report
from intouch.bounces.recording import Heard
from intouch.bounces.verp import ReturnPath
from intouch.clock import Clock
from intouch.storage.sessions import Sessions
from intouch.templating import Templates

log = logs.get("bounces")


class Intake:
    """Reads reports and heeds them. Raises only when the database fails: whoever brought the report then tries again."""

    def __init__(self, sessions: Sessions, templates: Templates, clock: Clock, paths: ReturnPath | None) -> None:
        self.paths = paths
        self.counts: Counter[str] = Counter()
        self._sessions = sessions
        self._templates = templates
        self._clock = clock

    async def take(self, message: bytes, recipients: Sequence[str] = ()) -> Heard | None:
        """Heed the report in an email; None when it is none, or is not about an email of ours."""
        if self.paths is None:
            return None
        report = await asyncio.to_thread(reading.read, message, self.paths, recipients=recipients)
        if report is None:
            self.counts["ignored"] += 1
            log.info("bounces.ignored", size=len(message))
            return None
        return await self.heed(report)

    async def heed(self, report: Report) -> Heard:
        """Heed one report."""
        async with self._sessions.write() as session:
            heard = await recording.record(session, report, templates=self._templates, now=self._clock.now())
        self.counts[report.kind.value if heard in (Heard.NOTED, Heard.STOPPED) else heard.value] += 1
        log.info("bounces.heard", delivery=report.delivery_id, kind=report.kind.value, heard=heard.value)
        return heard
