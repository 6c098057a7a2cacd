"""Logs: one structured line per event, with ids and counts, never names, addresses or what people wrote."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

# Libraries put whole URLs into their messages; a bot token or an SMTP password must not ride along.
_SECRETS = re.compile(r"(bot\d{3,}:[\w-]{10,}|\b\d{3,}:[\w-]{30,}|://[^/\s:@]+:[^@\s]+@)")


def hide_secrets(text: str) -> str:
    """``text`` with bot tokens and the passwords in URLs replaced by ``***``."""
    return _SECRETS.sub("***", text)


def _hide(_logger: Any, _name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {key: hide_secrets(value) if isinstance(value, str) else value for key, value in event.items()}


class _StandardError(logging.StreamHandler[TextIO]):
    """Writes to whatever standard error is at that moment, which a test or a command's runner may have exchanged."""

    @property
    def stream(self) -> TextIO:
        return sys.stderr

    @stream.setter
    def stream(self, _value: TextIO) -> None:
        """The handler's parent sets one; ours is never kept."""


def configure(level: str = "info", as_json: bool = False) -> None:
    """Send all log lines, ours and the libraries', to standard error."""
    last = structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer(colors=False)
    shared: list[Any] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _hide,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        cache_logger_on_first_use=False,
    )
    handler = _StandardError()
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processor=last, foreign_pre_chain=shared))
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    for noisy in ("alembic", "httpx", "apscheduler", "aiosqlite", "mail.log", "uvicorn.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # This library quotes whole updates and answers, and so what people wrote; we tell its errors ourselves.
    logging.getLogger("telegram").setLevel(logging.CRITICAL + 1)


def get(room: str) -> structlog.stdlib.BoundLogger:
    """The logger of one room; call as ``log.info("digest.published", ward=12, deliveries=40)``."""
    return structlog.stdlib.get_logger(room)
