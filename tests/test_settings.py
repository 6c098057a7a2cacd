"""Settings: what can't be used is named with what to write instead, and never shown: it may be a secret."""

from email.utils import parseaddr
from pathlib import Path

import pytest

from intouch import settings
from intouch.settings import BadSettings
from intouch.smtp_address import SmtpAddress


@pytest.mark.parametrize(
    "url", ["https://intouch.ynysmôn.cymru", "https://council.example/ôl", "https://council.example/in touch", "https://<x>"]
)
def test_a_public_address_that_no_header_of_an_email_can_carry_is_told(url: str) -> None:
    with pytest.raises(BadSettings, match=r"INTOUCH_PUBLIC_URL .*write its host as in DNS \(xn--…\)"):
        settings.load(public_url=url)


def test_a_public_address_as_in_dns_is_taken() -> None:
    assert (
        settings.load(public_url="https://intouch.xn--ynysmn-mxa.cymru/%C3%B4l/").public_url
        == "https://intouch.xn--ynysmn-mxa.cymru/%C3%B4l"
    )


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://mail.example", ("mail.example", 25, "", "", 4, 0.0)),
        ("SMTPS://Olive:a%40b%2Fc%3A%25@Mail.example/", ("mail.example", 465, "Olive", "a@b/c:%", 4, 0.0)),
        ("smtp://olive@mail_relay:2525?connections=100&rate=0.5", ("mail_relay", 2525, "olive", "", 100, 0.5)),
        ("smtp://olive:a:b@[::1]?starttls=YES&verify=0", ("::1", 587, "olive", "a:b", 4, 0.0)),
    ],
)
def test_an_smtp_url_is_taken_apart(url: str, expected: tuple[object, ...]) -> None:
    found = SmtpAddress(url)
    assert (found.host, found.port, found.user, found.password, found.connections, found.per_second) == expected
    assert (found.uses_tls, found.starttls, found.verify) == ("SMTPS" in url, "starttls" in url, "verify" not in url)


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("smtp://olive:hunter2/x@mail.example:587", "%40 for @, %2F for /"),
        ("smtp://olive:25/hunter2@mail.example", "%40 for @, %2F for /"),
        ("smtp://olive:p@hunter2@mail.example", "%40 for @, %2F for /"),
        ("smtp://olive:p@hunter2/x@mail.example", "%40 for @, %2F for /"),
        ("smtp://olive:25#hunter2@mail.example", "%23 for #"),
        ("smtp://olive:25?hunter2@mail.example", "%3F for a ?"),
        ("smtp://olive:25?connections=2&hunter2=1@mail.example", "%3F for a ?"),
        ("smtp://olive:x@mail.example:hunter2", "is not an SMTP URL"),
        ("smtp://mail.example:70000", "is not an SMTP URL"),
        ("smtp://mail.example:0", "is not an SMTP URL"),
        ("mail.example", "is not an SMTP URL"),
        ("https://mail.example", "is not an SMTP URL"),
        ("smtp://", "is not an SMTP URL"),
        ("smtp://mail example", "is not an SMTP URL"),
        ("smtp://mail.example?connections=0", "write a whole number from 1 to 100"),
        ("smtp://mail.example?connections=-1", "write a whole number from 1 to 100"),
        ("smtp://mail.example?connections=hunter2", "write a whole number from 1 to 100"),
        ("smtp://mail.example?rate=inf", "has a rate that can't be used"),
        ("smtp://mail.example?rate=-3", "has a rate that can't be used"),
        ("smtp://mail.example?starttls=hunter2", "has a starttls that is neither 1 nor 0"),
        ("smtp://mail.example?verify=", "has a verify that is neither 1 nor 0"),
        ("smtp://mail.example?tls=1", "knows starttls, connections, rate, verify after its ?"),
        ("smtp://mail.example?rate=1&rate=2", "each once"),
        ("smtps://mail.example?starttls=1", "leave starttls out"),
    ],
)  # fmt: skip
def test_an_smtp_url_that_cannot_be_used_is_told_without_what_is_in_it(url: str, sentence: str) -> None:
    with pytest.raises(BadSettings) as refused:
        settings.load(smtp_url=url)
    assert str(refused.value).startswith("These settings can't be used: INTOUCH_SMTP_URL ") and sentence in str(refused.value)
    assert "hunter2" not in str(refused.value) and "olive" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("log_level", "loud", "is none of debug, info, warning and error"),
        ("listen", "127.0.0.1:99999", "is not host:port"),
        ("listen", "8000", "is not host:port"),
        ("bounce_listen", "lmtp://127.0.0.1:70000", "is not a place to listen"),
        ("bounce_address", "a.very.long.name.before.the.at@mail.example", "is no address for reports"),
        ("digest_at", "fri 24:00", "is not a weekly time"),
        ("email_from", "nobody", "is no sender; write for example"),
        ("email_from", "In Touch <news@council.example>\nBcc: hunter2", "is no sender"),
        ("timezone", "Mars/Olympus", "is not a time zone"),
        ("smallest_count", "0", "should be greater than or equal to 1"),
        ("colour", "red", "is no setting that In Touch knows"),
    ],
)  # fmt: skip
def test_a_setting_that_cannot_be_used_is_named_with_what_to_write(name: str, value: str, sentence: str) -> None:
    with pytest.raises(BadSettings) as refused:
        settings.load(**{name: value})
    assert f"INTOUCH_{name.upper()} {sentence}" in str(refused.value)
    assert str(refused.value).count("\n") == 0 and "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value"), [("log_level", "INFO"), ("digest_at", " Fri 16:00 "), ("listen", "[::1]:0"), ("bounce_listen", "")]
)
def test_case_and_spaces_do_not_matter(name: str, value: str) -> None:
    assert getattr(settings.load(**{name: value}), name) == value.strip().lower()


@pytest.mark.parametrize(
    "name",
    ["Kingston upon Hull, City of", "Council: In Touch", "In Touch @ Sunderland", "news@council.example", "[Test] St. Helens", "A\\B"],
)
def test_a_sender_may_have_any_name_without_quotes(name: str) -> None:
    found = settings.load(email_from=f"{name} <news@council.example>").email_from
    assert parseaddr(found) == (name, "news@council.example")
    assert settings.load(email_from=found).email_from == found


def test_a_settings_file_that_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTOUCH_SETTINGS", "")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "intouch.toml").unlink(missing_ok=True)
    (tmp_path / "intouch.toml").symlink_to("/proc/self/mem")
    with pytest.raises(BadSettings, match=r"intouch\.toml can't be read: .*Check who may read it\."):
        settings.load()


@pytest.mark.parametrize("empty", ["", " "])
def test_a_path_that_is_empty_is_the_default_and_not_the_folder_one_is_in(monkeypatch: pytest.MonkeyPatch, empty: str) -> None:
    """Or a restore from a backup would not be noticed, and files in ./new would be taken for reports and deleted."""
    for name in ("DATA_DIR", "EPOCH_FILE", "BOUNCE_MAILDIR", "CATEGORIES_FILE"):
        monkeypatch.setenv(f"INTOUCH_{name}", empty)
    found = settings.load()
    assert (found.epoch_file, found.bounce_maildir, found.categories_file) == (None, None, None)
    assert found.data_dir == Path("data")
