"""Mails: what the demo's mailbox shows, as JSON and as the HTML that a person would see."""

from __future__ import annotations

from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from intouch.demo import cast
from intouch.demo.chats import stage_of
from intouch.demo.mailbox import Mail

_SHOWN = 150
_HEADERS = ("from", "to", "subject", "date")  # what a mail app shows; the others are in the source
# The frame runs nothing and loads nothing; links open in a tab of their own, which is an ordinary one.
_MAIL_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'; frame-ancestors 'self'; "
    "sandbox allow-popups allow-popups-to-escape-sandbox"
)


async def listing(request: Request) -> Response:
    """The newest emails to the cast (``who=cast``), to one of them (its key), or to everybody."""
    box, who = stage_of(request).box, request.query_params.get("who", "cast")
    member = cast.member(who)
    wanted = {member.email} if member else {one.email for one in cast.CAST} if who == "cast" else set()
    found = [mail for mail in reversed(box.messages) if not wanted or wanted & set(mail.recipients)]
    return JSONResponse({"total": len(found), "mails": [_summary(mail) for mail in found[:_SHOWN]], "everybody": len(box.messages)})


def _summary(mail: Mail) -> dict[str, Any]:
    words = " ".join(mail.text.split())
    return {
        "number": mail.number,
        "to": ", ".join(mail.recipients),
        "subject": mail.subject or "(no subject)",
        "received_at": mail.received_at.isoformat(),
        "snippet": words[:90],
    }


async def show(request: Request) -> Response:
    """One email: its headers, its plain text and its source."""
    mail = _mail(request)
    return JSONResponse(
        {
            **_summary(mail),
            "headers": [[name.title(), mail.headers[name]] for name in _HEADERS if name in mail.headers],
            "has_html": bool(mail.html),
            "text": mail.text,
            "raw": mail.raw.decode("utf-8", "replace"),
            "attachments": [{"name": one.filename, "size": len(one.contents)} for one in mail.attachments],
        }
    )


async def html(request: Request) -> Response:
    """The email as a person sees it, for the sandboxed frame."""
    page = _mail(request).html
    # Links that name no target would open inside the frame.
    page = page.replace("<head>", '<head><base target="_blank">', 1) if "<head>" in page else f'<base target="_blank">{page}'
    return HTMLResponse(page, headers={"Content-Security-Policy": _MAIL_POLICY})


def _mail(request: Request) -> Mail:
    number = request.path_params["number"]
    messages = stage_of(request).box.messages
    if not 1 <= number <= len(messages):
        raise HTTPException(404)
    found: Mail = messages[number - 1]
    return found
