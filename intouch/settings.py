"""Settings: the only reader of the environment and of ``intouch.toml``."""

from __future__ import annotations

import os
import re
from email.utils import parseaddr, quote
from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from intouch import legible, signing_key
from intouch.errors import InTouchError
from intouch.smtp_address import SmtpAddress

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DATABASES = ("sqlite", "postgresql", "postgres")
_IN_MEMORY = re.compile(r"sqlite[^:]*://(/:memory:)?")  # gone with the command that filled it
_NAMED = re.compile(r'\s*([^"<>\n]*[^"<>\s])\s*<([^<>\s]+)>\s*')  # a sender: name and address
_PORT = "([0-9]{1,4}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])"
_WEEKLY = (f"({'|'.join(WEEKDAYS)}) ([01][0-9]|2[0-3]):[0-5][0-9]", "is not a weekly time; write for example `fri 16:00`")
# How settings must be written, in lower case, and what is said when they are not.
_WRITTEN = {
    "digest_at": _WEEKLY,
    "briefing_at": _WEEKLY,
    "listen": (f".+:{_PORT}", "is not host:port; write for example 127.0.0.1:8000"),
    # 64 bytes before the @ are all that a mail server takes, and each email's number and signature need 37.
    "bounce_address": (
        r"([a-z0-9._-]{1,26}@[a-z0-9-]+(\.[a-z0-9-]+)+)?",
        "is no address for reports; write for example bounce@mail.council.example, at most 26 letters before the @",
    ),
    "bounce_listen": (f"((lmtp|smtp)://[^/]+:{_PORT})?", "is not a place to listen; write for example lmtp://127.0.0.1:2424"),
    "log_level": ("debug|info|warning|error", "is none of debug, info, warning and error"),
}


class BadSettings(InTouchError):
    """A setting is missing or cannot be used; the sentence names it and says what to write."""


class Settings(BaseSettings):
    """Everything a council can set, from ``INTOUCH_*`` in the environment or from ``intouch.toml``."""

    model_config = SettingsConfigDict(env_prefix="INTOUCH_", extra="forbid", frozen=True)

    data_dir: Path = Field(Path("data"), description="Folder for the database, photos and the secret key.")
    database_url: SecretStr = Field(
        SecretStr(""), description="SQLAlchemy URL. Empty: SQLite in DATA_DIR. `postgresql://user:pass@host/name` for more processes."
    )
    telegram_token: SecretStr = Field(SecretStr(""), description="The bot's token from @BotFather. Empty: no bot.")
    telegram_bot_name: str = Field(
        "", description="The bot's name without @, for links to it on web pages and in briefings. Empty: asked of Telegram at start."
    )
    telegram_webhook: SecretStr = Field(
        SecretStr(""),
        description="A secret of 16 to 256 letters, digits, `_` and `-`: Telegram then brings updates to PUBLIC_URL (https) instead of being polled. Several processes can take them.",  # noqa: E501
    )
    telegram_per_second: float = Field(30, gt=0, le=1000, description="Messages a second that Telegram takes from the bot, over all chats.")
    telegram_per_chat: float = Field(1, gt=0, le=30, description="Messages a second that Telegram takes from the bot in one chat.")
    telegram_api_url: str = Field("https://api.telegram.org", description="Address of the Bot API.")
    smtp_url: SecretStr = Field(
        SecretStr(""),
        description="`smtp://user:pass@host:587?starttls=1` or `smtps://user:pass@host`; add `connections=4` (of each sender), "
        "`rate=20` (emails a second, of all senders), `verify=0` (a test server's own certificate). Empty: email waits in the outbox.",
    )
    notify_api_key: SecretStr = Field(
        SecretStr(""),
        description="API key of GOV.UK Notify: email leaves by it instead of SMTP_URL. "
        'Needs `pip install "intouch[notify]"`. Empty: not used.',
    )
    notify_template_id: str = Field(
        "", description="Id of the email template on Notify; its subject is `((subject))` and its message `((body))`."
    )
    notify_url: str = Field("https://api.notifications.service.gov.uk", description="Address of the Notify API.")
    email_from: str = Field("In Touch <intouch@council.example>", description="Sender of every email.")
    dkim_keys: str = Field(
        "",
        description="Keys that sign every email, as `selector=file.pem`; an RSA and an Ed25519 key, with a comma between, sign both. "
        "`intouch doctor` tells the DNS records. Empty: the mail server signs, or nobody.",
    )
    dkim_domain: str = Field("", description="Domain that signs. Empty: the domain of EMAIL_FROM.")
    bounce_address: str = Field(
        "",
        description="Where reports of undelivered email and complaints come, such as `bounce@mail.council.example`; each email gets "
        "a return path under it (`bounce+…@`). Empty: they go to EMAIL_FROM, and In Touch does not hear of them.",
    )
    bounce_listen: str = Field(
        "", description="Where In Touch itself takes these reports: `lmtp://127.0.0.1:2424` or `smtp://127.0.0.1:2525`. Empty: nowhere."
    )
    bounce_maildir: Path | None = Field(None, description="Maildir into which the mail server delivers these reports. Empty: none.")
    ses_topics: str = Field(
        "",
        description="ARNs of the Amazon SNS topics whose reports are taken at PUBLIC_URL/webhooks/ses, separated by commas. Empty: none.",
    )
    postmark_secret: SecretStr = Field(
        SecretStr(""),
        description="Secret of Postmark's webhook: the password in `https://any:SECRET@…/webhooks/postmark`, or the end of "
        "`…/webhooks/postmark/SECRET`. Empty: none.",
    )
    public_url: str = Field("http://127.0.0.1:8000", description="Where residents reach the web pages; used in every link.")
    listen: str = Field("127.0.0.1:8000", description="Host and port the web server listens on.")
    secret_key: SecretStr = Field(SecretStr(""), description="Signs links. Empty: made once and kept in DATA_DIR.")
    council_name: str = Field("Your Council", description="Name that residents read.")
    council_address: str = Field("Town Hall, High Street, Anytown", description="Postal address in the footer of emails.")
    timezone: str = Field("Europe/London", description="Time zone of the council's calendar.")
    digest_at: str = Field("fri 16:00", description="When the weekly digest goes out, council time.")
    briefing_at: str = Field("mon 08:00", description="When the councillors' briefing goes out, council time.")
    send_to: str = Field(
        "*", description="Addresses and chats that may be written to, separated by commas, on a staging system; `*` for all."
    )
    smallest_count: int = Field(5, ge=1, description="No count of fewer people than this is ever shown.")
    categories_file: Path | None = Field(None, description="TOML file of issue categories. Empty: the one that comes with In Touch.")
    epoch_file: Path | None = Field(
        None,
        description="File that notices when the database was restored from a backup; keep it off DATA_DIR and out of the backup. "
        "Empty: `~/.local/state/intouch/epoch.json`.",
    )
    metrics_token: SecretStr = Field(SecretStr(""), description="Bearer token for /metrics. Empty: /metrics answers to this machine only.")
    log_level: str = Field("info", description="debug, info, warning or error. Not set: only `run` tells more than warnings.")
    log_json: bool = Field(False, description="Log lines as JSON, for a log collector.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=settings_file())

    @field_validator("data_dir", "bounce_maildir", "categories_file", "epoch_file", mode="before")
    @classmethod
    def _empty_is_the_default(cls, value: object, info: ValidationInfo) -> object:
        """As every page says; a path of no letters is the folder that the command runs in."""
        return cls.model_fields[str(info.field_name)].default if isinstance(value, str) and not value.strip() else value

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError) as error:  # no such name, a path out of the folder, the name of a folder
            raise ValueError("is not a time zone; write for example Europe/London") from error
        return value

    @field_validator(*_WRITTEN)
    @classmethod
    def _as_written(cls, value: str, info: ValidationInfo) -> str:
        pattern, sentence = _WRITTEN[str(info.field_name)]
        if not re.fullmatch(pattern, value.lower().strip()):
            raise ValueError(sentence)
        return value.lower().strip()

    @field_validator("email_from")
    @classmethod
    def _sender(cls, value: str) -> str:
        # Nobody quotes the name of their council; in "Hull, City of", the first word would be the address of a list.
        if (named := _NAMED.fullmatch(value)) and parseaddr(value) != named.groups():
            value = f'"{quote(named[1])}" <{named[2]}>'
        if not re.fullmatch(r"[^\s@]+@[^\s@]+", parseaddr(value)[1]) or legible.RULING.search(value) or "\n" in value:
            raise ValueError("is no sender; write for example In Touch <intouch@council.example>")
        return value

    @field_validator("public_url", "telegram_api_url")
    @classmethod
    def _http_url(cls, value: str) -> str:
        if urlsplit(value).scheme not in ("http", "https") or not urlsplit(value).netloc:
            raise ValueError("is not a web address; it begins with http:// or https://")
        # Every digest has it in its List-Unsubscribe, and mail servers refuse a header that is more than ASCII.
        if not re.fullmatch(r"[!-~]+", value) or re.search(r"[<>\"]", value):
            raise ValueError("has letters that a link in an email can't have; write its host as in DNS (xn--…), other letters as %C3%B4")
        return value.rstrip("/")

    @field_validator("telegram_webhook")
    @classmethod
    def _webhook_secret(cls, value: SecretStr) -> SecretStr:
        if not re.fullmatch(r"([A-Za-z0-9_-]{16,256})?", value.get_secret_value()):
            raise ValueError("is not a secret that Telegram takes; write 16 to 256 letters, digits, _ and -")
        return value

    @field_validator("database_url")
    @classmethod
    def _database(cls, value: SecretStr) -> SecretStr:
        url = value.get_secret_value()
        try:
            is_known = not url or (make_url(url).get_backend_name() in _DATABASES and not _IN_MEMORY.fullmatch(url))
        except (ArgumentError, ValueError):
            is_known = False
        if not is_known:
            raise ValueError("is no database URL; write postgresql://user:pass@host/name or sqlite:///file, with %40 for @ in a password")
        return value

    @field_validator("smtp_url")
    @classmethod
    def _smtp(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value():
            SmtpAddress(value.get_secret_value())
        return value

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @property
    def database(self) -> str:
        """The database URL to open; SQLite in the data folder when none was set."""
        own = URL.create("sqlite", database=str(self.data_dir / "intouch.sqlite3"))  # whatever letters the folder's name has
        return self.database_url.get_secret_value() or own.render_as_string()

    @property
    def epoch_path(self) -> Path:
        """The file of the epoch; beside the data folder where this user has no home."""
        if self.epoch_file is not None:
            return self.epoch_file
        try:
            return Path("~/.local/state/intouch/epoch.json").expanduser()
        except RuntimeError:
            return self.data_dir.absolute().parent / "intouch-epoch.json"

    @property
    def is_staging(self) -> bool:
        """Whether only some addresses may be written to."""
        return "*" not in _entries(self.send_to)

    def may_send_to(self, address: str) -> bool:
        """Whether this email address or chat may be written to (``SEND_TO`` of a staging system)."""
        allowed = _entries(self.send_to)
        return "*" in allowed or address.strip().lower() in allowed

    def signing_key(self) -> bytes:
        """The key that signs links; made once in the data folder when none was set."""
        if self.secret_key.get_secret_value():
            return self.secret_key.get_secret_value().encode()
        return signing_key.read_or_make(self.data_dir)


@lru_cache(maxsize=4)  # asked for each address of an edition
def _entries(listed: str) -> frozenset[str]:
    return frozenset(entry.strip().lower() for entry in listed.split(",") if entry.strip())


def settings_file() -> Path:
    """The settings file: ``INTOUCH_SETTINGS`` or ``intouch.toml`` in the folder the command runs in."""
    return Path(os.environ.get("INTOUCH_SETTINGS") or "intouch.toml")


def unknown() -> list[str]:
    """Names in the environment that look like settings and are none, such as a slip of the keyboard; the file's are refused."""
    known = {f"INTOUCH_{name.upper()}" for name in Settings.model_fields} | {"INTOUCH_SETTINGS"}
    return sorted(name for name in map(str.upper, os.environ) if name.startswith("INTOUCH_") and name not in known)


def wants_no_colours() -> bool:
    """Whether who has this terminal asked for none (no-color.org), or has one that shows none."""
    return bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"


def load(**overrides: object) -> Settings:
    """The settings; raises ``BadSettings`` with one line per setting that cannot be used, values left out."""
    if os.environ.get("INTOUCH_SETTINGS") and (not settings_file().exists() or settings_file().is_dir()):
        raise BadSettings(f"INTOUCH_SETTINGS names {settings_file()}, and there is no such file. Mend its name, or leave it out.")
    try:
        return Settings(**overrides)  # type: ignore[arg-type]
    except ValidationError as error:
        lines = [f"INTOUCH_{'_'.join(map(str, one['loc'])).upper()} {_what_is_wrong(one)}" for one in error.errors()]
        raise BadSettings("These settings can't be used: " + "; ".join(lines) + ". See the README for each of them.") from None
    except ValueError:
        raise BadSettings(f"{settings_file()} is not valid TOML. Put text values in quotes, one setting a line.") from None
    except OSError as error:
        raise BadSettings(f"{settings_file()} can't be read: {error.strerror}. Check who may read it.") from None


def _what_is_wrong(error: ErrorDetails) -> str:
    if error["type"] == "extra_forbidden":
        return "is no setting that In Touch knows"
    return error["msg"].removeprefix("Value error, ").replace("Input should", "should")
