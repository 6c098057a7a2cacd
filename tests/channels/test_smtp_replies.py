"""What a mail server's words mean."""

from __future__ import annotations

import pytest

from intouch.channels.smtp_replies import Reply, Stage, is_dead


@pytest.mark.parametrize(
    ("text", "dead"),
    [
        ("5.1.1 unknown user", True),
        ("5.1.2 bad destination system", True),
        ("5.1.10 null MX", True),
        ("5.2.1 mailbox disabled", True),
        ("no enhanced code", True),
        ("5.1.8 sender's domain does not exist", False),
        ("5.2.2 over quota", False),
        ("5.7.1 blocked by policy", False),
        ("5.4.1 relaying denied", False),
    ],
)
def test_only_words_about_the_recipient_end_an_address(text: str, dead: bool) -> None:
    assert is_dead(Reply(550, text)) is dead


def test_an_error_that_is_kept_names_nobody() -> None:
    reply = Reply(550, "5.1.1 <grace@roker.example>: user grace@roker.example\nis unknown")
    assert reply.summary(Stage.RCPT) == "RCPT: 550 5.1.1 …: user … is unknown"
