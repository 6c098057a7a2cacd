"""Settings: what can't be used is named with what to write instead, and never shown: it may be a secret."""

import pytest

from intouch import settings
from intouch.settings import BadSettings, SmtpAddress


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
