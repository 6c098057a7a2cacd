"""Doctor: checks what In Touch needs before it goes live, and says in one line each what is wrong and what to do."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import asdict, dataclass
from email.utils import parseaddr
from pathlib import Path

import jinja2
import sqlalchemy as sa
import telegram
import typer

from intouch import letters, logs, settings
from intouch.channels import dkim, mime
from intouch.channels.telegram import open_bot
from intouch.cli import mail_server
from intouch.cli.saying import AsJson, say, say_json
from intouch.errors import InTouchError
from intouch.issues import categories
from intouch.outbox import epoch, holds
from intouch.places import lookup
from intouch.runtime import Runtime, build_runtime
from intouch.smtp_address import SmtpAddress
from intouch.storage import revision, troubles


@dataclass(frozen=True)
class Finding:
    """What one check found; ``advice`` says what to do when it is not well."""

    check: str
    is_well: bool
    found: str
    advice: str = ""


def doctor(as_json: AsJson = False) -> None:
    """Check settings, database, bot token, mail server and templates; exit 1 if anything is wrong.

    Example: intouch doctor
    """
    findings = examine()
    if as_json:
        say_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            say(f"{'ok    ' if finding.is_well else 'WRONG '} {finding.check}: {finding.found} {finding.advice}".rstrip())
    if not all(finding.is_well for finding in findings):
        raise typer.Exit(1)


def examine() -> list[Finding]:
    """Every check's finding; settings that cannot be read are the only one then."""
    logs.configure("critical")
    try:
        chosen = settings.load()
    except InTouchError as error:
        return [Finding("settings", False, str(error))]
    first = list(_check_settings(chosen))
    # Without its folder nothing else can be opened, and so not be looked at either.
    return [*first, *asyncio.run(_examine(chosen))] if first[0].is_well else first


async def _examine(chosen: settings.Settings) -> list[Finding]:
    runtime = build_runtime(chosen)
    checks: list[tuple[str, Callable[[Runtime], Awaitable[Finding]]]] = [
        ("database", _check_database),
        ("wards", _check_wards),
        ("bot", _check_bot),
        ("mail server", _check_smtp),
        ("email signatures", _check_signatures),
        ("templates", _check_templates),
        ("categories", _check_categories),
        ("epoch", _check_epoch),
    ]
    try:
        return [await _guarded(name, check, runtime) for name, check in checks]
    finally:
        await runtime.sessions.close()


async def _guarded(name: str, check: Callable[[Runtime], Awaitable[Finding]], runtime: Runtime) -> Finding:
    try:
        return await asyncio.wait_for(check(runtime), timeout=20)
    except TimeoutError:
        return Finding(name, False, "no answer within 20 seconds.", "Is the address right, and does a firewall let us through?")
    except InTouchError as error:
        return Finding(name, False, str(error))
    except Exception as error:  # a check that stumbles is a finding like any other
        if told := troubles.sentence(error):
            return Finding(name, False, told)
        return Finding(name, False, logs.hide_secrets(f"{type(error).__name__}: {error}".splitlines()[0]))


def _check_settings(chosen: settings.Settings) -> Iterator[Finding]:
    yield _check_folder(chosen.data_dir)
    if unknown := settings.unknown():
        found = f"{', '.join(unknown)}: {'no setting' if len(unknown) == 1 else 'no settings'} that In Touch knows."
        yield Finding("settings", False, found, "Mend the name, or take it out of the environment.")
    if chosen.bounce_maildir is not None and not (chosen.bounce_maildir / "new").is_dir():
        found = f"{chosen.bounce_maildir} is no Maildir: it has no folder `new`."
        yield Finding("reports of undelivered email", False, found, "Check INTOUCH_BOUNCE_MAILDIR.")
    yield _check_address(chosen.public_url)


def _check_folder(folder: Path) -> Finding:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryFile(dir=folder) as file:  # asking for the right alone does not see a full disk
            file.write(b"x" * 4096)
        return Finding("data folder", True, f"{folder} can be written to.")
    except OSError as error:
        advice = "Check INTOUCH_DATA_DIR, and who may write there."
        return Finding("data folder", False, f"{folder} can NOT be written to: {error.strerror}.", advice)


def _check_address(url: str) -> Finding:
    is_local = url.startswith(("http://127.0.0.1", "http://localhost"))
    is_secure = url.startswith("https://") or is_local
    return Finding(
        "public address",
        is_secure,
        f"{url}{' (only this machine can open links in emails)' if is_local else ''}.",
        "" if is_secure else "Links carry people's keys: put the pages behind https:// and set INTOUCH_PUBLIC_URL.",
    )


async def _check_database(runtime: Runtime) -> Finding:
    kind = runtime.sessions.engine.dialect.name
    found = await revision.current(runtime.sessions.engine)
    revision.refuse_newer(found)
    if runtime.sessions.is_sqlite and not await _is_whole(runtime):
        return Finding("database", False, troubles.DAMAGED)
    is_new = found == revision.newest()
    upgrades_itself = runtime.sessions.is_sqlite
    advice = "" if is_new else "It is upgraded at the next start." if upgrades_itself else "Run `intouch db upgrade`."
    return Finding("database", is_new or upgrades_itself, f"{kind} at revision {found or 'none'}, newest is {revision.newest()}.", advice)


async def _is_whole(runtime: Runtime) -> bool:
    """Whether SQLite finds every page of its file where it belongs; some seconds for a million residents."""
    async with runtime.sessions.read() as session:
        return bool(await session.scalar(sa.text("PRAGMA quick_check(1)")) == "ok")


async def _check_wards(runtime: Runtime) -> Finding:
    if await revision.current(runtime.sessions.engine) != revision.newest():
        return Finding("wards", True, "not looked at: the database is not upgraded yet.")
    async with runtime.sessions.read() as session:
        wards = await lookup.wards(session, on=runtime.now().astimezone(runtime.settings.zone).date())
    advice = "" if wards else "Run `intouch import wards FILE.geojson --code-field … --name-field … --commit`."
    return Finding("wards", bool(wards), f"{len(wards)} in force.", advice)


async def _check_bot(runtime: Runtime) -> Finding:
    if not runtime.settings.telegram_token.get_secret_value():
        return Finding("bot", False, "no token.", "Get one from @BotFather and set INTOUCH_TELEGRAM_TOKEN.")
    bot = open_bot(runtime.settings)
    try:
        await bot.initialize()
        return Finding("bot", True, f"@{bot.username} answers.")
    except telegram.error.InvalidToken:
        return Finding("bot", False, "Telegram does not know this token.", "Copy it again from @BotFather into INTOUCH_TELEGRAM_TOKEN.")
    except telegram.error.TelegramError as error:
        found = f"{runtime.settings.telegram_api_url} does not answer ({type(error).__name__})."
        return Finding("bot", False, found, "Check INTOUCH_TELEGRAM_API_URL and the network.")
    finally:
        await bot.shutdown()


async def _check_smtp(runtime: Runtime) -> Finding:
    url = runtime.settings.smtp_url.get_secret_value()
    if runtime.settings.notify_api_key.get_secret_value():
        has_template = bool(runtime.settings.notify_template_id)
        advice = "" if has_template else "Set INTOUCH_NOTIFY_TEMPLATE_ID."
        return Finding("mail server", has_template, "email leaves by GOV.UK Notify, which is not asked here.", advice)
    if not url:
        return Finding("mail server", False, "none set: email waits in the outbox.", "Set INTOUCH_SMTP_URL.")
    address = SmtpAddress(url)
    if (trouble := await mail_server.trouble(address, mime.address_on_the_wire(parseaddr(runtime.settings.email_from)[1]))) is not None:
        return Finding("mail server", False, *trouble)
    how = "TLS" if address.uses_tls else "STARTTLS" if address.starttls else "no encryption"
    signed_in = ", signed in" if address.user else ""
    return Finding("mail server", True, f"{address.host}:{address.port} answers ({how}{signed_in}).")


async def _check_signatures(runtime: Runtime) -> Finding:
    signer = dkim.signer(runtime.settings)
    if signer is None:
        return Finding("email signatures", True, "none of ours; see that your mail server signs (DKIM), or set INTOUCH_DKIM_KEYS.")
    weak = [key for key in signer.keys if key.algorithm == "rsa" and key.bits < dkim.GOOD_RSA]
    records = " ".join(f'{key.host(signer.domain)} TXT "{key.published}"' for key in signer.keys)
    if all(key.algorithm != "rsa" for key in signer.keys):
        found, advice = "no RSA key, and many mail servers can't read Ed25519 yet.", "Give one of each in INTOUCH_DKIM_KEYS."
    elif weak:
        found, advice = f"the RSA key of {weak[0].selector} has only {weak[0].bits} bits.", f"Make one of {dkim.GOOD_RSA} bits."
    else:
        return Finding("email signatures", True, f"{signer.domain} signs with {len(signer.keys)}. In DNS must stand: {records}")
    return Finding("email signatures", False, found, advice)


async def _check_templates(runtime: Runtime) -> Finding:
    environment = runtime.templates.environment
    names = environment.list_templates(filter_func=lambda name: name.endswith((".html", ".txt")))
    for name in names:
        try:
            environment.get_template(name)
        except jinja2.TemplateSyntaxError as error:
            return Finding("templates", False, f"{name}, line {error.lineno}: {error.message}.", "Mend the template, or take ours again.")
    bodies = environment.list_templates(filter_func=lambda name: name.endswith("body.mjml"))
    for name in bodies:
        letters.Letters(runtime.templates).check(name.split("/")[1])
    return Finding("templates", True, f"{len(names) + len(bodies)} can be read.")


async def _check_epoch(runtime: Runtime) -> Finding:
    """Whether a restore from a backup would be noticed, and whether one waits for approval."""
    path = runtime.settings.epoch_path
    if runtime.settings.is_staging:
        return Finding("epoch", True, "not kept on a staging system (INTOUCH_SEND_TO).")
    if await revision.current(runtime.sessions.engine) == revision.newest():
        async with runtime.sessions.read() as session:
            held_at = await holds.held_since(session)
        if held_at is not None:
            return Finding("epoch", False, epoch.sentence(runtime.templates.moment(held_at)))
    if path.resolve().is_relative_to(runtime.settings.data_dir.resolve()):
        advice = "A backup of DATA_DIR would hold it too: set INTOUCH_EPOCH_FILE to a file outside."
        return Finding("epoch", False, f"{path} is inside the data folder.", advice)
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    if not os.access(path if path.exists() else folder, os.W_OK) or not os.access(folder, os.W_OK):
        return Finding("epoch", False, f"{path} can NOT be written.", "A restore would not be noticed: set INTOUCH_EPOCH_FILE.")
    begun = "is kept in" if path.exists() else "begins with the first sender on this machine, in"
    return Finding("epoch", True, f"{begun} {path}.")


async def _check_categories(runtime: Runtime) -> Finding:
    found = categories.load(runtime.settings.categories_file)
    return Finding("categories", True, f"{len(found.all)} of issue reports.")
