"""Application: every address of the public pages, one line each."""

from __future__ import annotations

from datetime import timedelta

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Mount, Route

from intouch.errors import InTouchError
from intouch.runtime import Runtime
from intouch.web import (
    answering,
    bounding,
    confirming,
    failing,
    forms,
    health,
    information,
    joining,
    metrics,
    preferences,
    results,
    tidying,
    unsubscribing,
    webhooks,
)
from intouch.web.braking import Brake
from intouch.web.files import Files
from intouch.web.headers import Headers
from intouch.web.pages import STATIC

JOINS_PER_ADDRESS = 20
JOINS_WINDOW = timedelta(minutes=10)

ROUTES = [
    Route("/", information.home, methods=["GET"]),
    Route("/join", joining.form, methods=["GET"]),
    Route("/join", joining.join, methods=["POST"]),
    Route("/join/check-your-email", joining.sent, methods=["GET"]),
    Route("/confirm/{token}", confirming.show, methods=["GET"]),
    Route("/confirm/{token}", confirming.confirm, methods=["POST"]),
    *(
        Route(path, answered, methods=[method])
        for path in ("/answer/{token}", "/answer/{token}/{question}", "/answer/{token}/{question}/{choice}")
        for method, answered in (("GET", answering.show), ("POST", answering.answer))
    ),
    Route("/preferences/{token}", preferences.show, methods=["GET"]),
    Route("/preferences/{token}", preferences.change, methods=["POST"]),
    Route("/unsubscribe/{token}", unsubscribing.show, methods=["GET"]),
    Route("/unsubscribe/{token}", unsubscribing.unsubscribe, methods=["POST"]),
    Route("/results", results.listing, methods=["GET"]),
    Route("/results/{survey_id:int}", results.show, methods=["GET"]),
    Route("/results/{survey_id:int}/results.csv", results.download, methods=["GET"]),
    Route("/privacy", information.privacy, methods=["GET"]),
    Route("/webhooks/ses", webhooks.ses, methods=["POST"]),
    Route("/webhooks/postmark", webhooks.postmark, methods=["POST"]),
    Route("/webhooks/postmark/{secret}", webhooks.postmark, methods=["POST"]),
    Route("/health/live", health.live, methods=["GET"]),
    Route("/health/ready", health.ready, methods=["GET"]),
    Route("/metrics", metrics.show, methods=["GET"]),
    Route("/robots.txt", information.robots, methods=["GET"]),
    Route("/favicon.ico", information.favicon, methods=["GET"]),
    Mount("/static", Files(directory=STATIC), name="static"),
]


def create(runtime: Runtime) -> Starlette:
    """The public pages on ``runtime``. ``state.bot_name`` may be set once Telegram has said it; pages then link to the bot."""
    application = Starlette(
        routes=ROUTES,
        middleware=[
            Middleware(Headers, is_https=runtime.links.public_url.startswith("https://")),
            Middleware(failing.Failing),
            Middleware(bounding.Bounded, most=forms.MOST_BYTES),
            Middleware(tidying.Tidy),
        ],
        exception_handlers={InTouchError: failing.sentence, HTTPException: failing.http_error},
    )
    application.router.redirect_slashes = False
    application.state.runtime = runtime
    application.state.bot_name = runtime.settings.telegram_bot_name
    application.state.webhooks = webhooks.Webhooks(runtime)
    application.state.gauges = metrics.Gauges()
    application.state.brake = Brake(JOINS_PER_ADDRESS, JOINS_WINDOW)
    return application
