"""SMTP address: the URL of a mail server taken apart, or refused without showing any of it."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, unquote

# User and password are all that may hold other signs, and these only as %XX: else half a password is taken for the host.
_SMTP_URL = re.compile(
    r"(?P<scheme>smtps?)://((?P<user>[^@/?#:]*)(:(?P<password>[^@/?#]*))?@)?"
    r"(?P<host>[\w.-]+|\[[0-9a-f:.]+\])(:(?P<port>[0-9]{1,5}))?/?(\?(?P<query>[^#]*))?",
    re.IGNORECASE,
)
_SMTP_OPTIONS = {"starttls": "0", "connections": "4", "rate": "0", "verify": "1"}
_NO_SMTP_URL = (
    "is not an SMTP URL; write smtp://user:pass@host:587?starttls=1 or smtps://host, and in the password %40 for @, %2F for /, "
    "%3A for :, %3F for ?, %23 for # and %25 for %"
)


class SmtpAddress:
    """An SMTP URL taken apart: host, port, user, password, TLS from the start or by STARTTLS, most connections.

    ``ValueError`` says what is wrong with it and shows no part of it: whichever part it is may be half a password.
    """

    def __init__(self, url: str) -> None:
        found = _SMTP_URL.fullmatch(url.strip())
        if not found or not 0 < int(found["port"] or 25) < 65_536:
            raise ValueError(_NO_SMTP_URL)
        told = parse_qsl(found["query"] or "", keep_blank_values=True)
        options = _SMTP_OPTIONS | dict(told)
        if len(options) > len(_SMTP_OPTIONS) or len(dict(told)) < len(told):
            raise ValueError(f"knows {', '.join(_SMTP_OPTIONS)} after its ?, each once; with %3F for a ? in the password")
        self.uses_tls = found["scheme"].lower() == "smtps"
        self.starttls, self.verify = (_switch(name, options[name]) for name in ("starttls", "verify"))
        if self.uses_tls and self.starttls:
            raise ValueError("has starttls after smtps://, which is TLS from the start; leave starttls out, or write smtp://")
        self.host = found["host"].strip("[]").lower()
        self.port = int(found["port"] or (465 if self.uses_tls else 587 if self.starttls else 25))
        self.user, self.password = unquote(found["user"] or ""), unquote(found["password"] or "")
        self.connections = int(_number("connections", options["connections"], "[1-9][0-9]?|100", "a whole number from 1 to 100"))
        self.per_second = float(_number("rate", options["rate"], r"[0-9]{1,4}(\.[0-9]{1,3})?", "emails a second, such as 20"))


def _switch(name: str, word: str) -> bool:
    if word.lower() not in ("1", "true", "yes", "0", "false", "no"):
        raise ValueError(f"has a {name} that is neither 1 nor 0")
    return word.lower() in ("1", "true", "yes")


def _number(name: str, word: str, pattern: str, wanted: str) -> str:
    if not re.fullmatch(pattern, word):
        raise ValueError(f"has a {name} that can't be used; write {wanted}")
    return word
