"""What a mail server's words mean."""

from __future__ import annotations

import pytest

from intouch.channels.outcomes import Verdict
from intouch.channels.smtp_replies import Reply, Stage, is_dead, refusal


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


D, F, R = Verdict.DEAD, Verdict.FAILED, Verdict.RETRY


@pytest.mark.parametrize(
    ("code", "text", "verdict"),
    [
        # What we may not do there, said at RCPT: a setting that is put right tomorrow, and no word about the address.
        (550, "relay not permitted", R),
        (550, "Relaying denied", R),
        (550, "Administrative prohibition", R),  # Exim's, for any rule of its owner that has no words of its own
        (550, "5.7.1 Unable to relay", R),
        (550, "5.1.2 Relay not allowed.", R),  # Stalwart's
        (550, "5.1.1 Relaying denied", R),
        (550, "5.7.54 SMTP; Unable to relay recipient in non-accepted domain", R),
        (554, "5.7.1 <grace@x.example>: Relay access denied", R),
        (553, "sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)", R),
        (553, "5.7.1 <news@council.example>: Sender address rejected: not owned by user intouch", R),
        (550, "5.1.8 <news@council.example>: Sender address rejected: Domain not found", R),
        (550, "5.1.0 sender rejected: domain does not exist", R),
        (550, "Sender verify failed", R),
        (550, "5.1.90 Your message can't be sent because you've reached your daily limit for message recipients", R),
        (550, "Verification failed for <news@council.example>", R),
        (530, "5.7.0 Must issue a STARTTLS command first", R),
        (530, "5.7.0 Authentication required", R),
        (550, "Authentication is required for relay", R),
        (503, "5.5.1 Error: need MAIL command", R),
        (550, "SPF check failed", R),
        (550, "DKIM verification failed", R),
        (550, "Rejected by the DMARC policy of council.example", R),
        (550, "No PTR record", R),
        (550, "URL listed by SURBL", R),
        (550, "Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org", R),
        (500, "5.3.0 Error: command failed", R),
        (502, "5.5.2 not implemented", R),
        (521, "mx.council.example does not accept mail", R),
        (550, "5.3.2 System not accepting network messages", R),
        (550, "5.4.5 Daily user sending limit exceeded", R),
        # No room.
        (550, "<grace@x.example>: User account is overquota", R),
        (550, "Mailbox full (#5.2.2)", R),
        (552, "Requested mail action aborted: exceeded storage allocation", R),
        # Nobody.
        (550, "sorry, no mailbox here by that name. (#5.1.1)", D),
        (550, "5.5.0 Requested action not taken: mailbox unavailable (S2017062302)", D),
        (552, "1 Requested mail action aborted, mailbox not found", D),
        (554, "delivery error: dd This user doesn't have a yahoo.example account (grace@yahoo.example) [0]", D),
        (550, "5.1.0 Address rejected", D),
        (550, "5.1.1 <relay@x.example>: Recipient address rejected: User unknown in relay recipient table", D),
        (550, "<relay@x.example>: Recipient address rejected: User unknown in relay recipient table", D),
        (550, "Requested action not taken: mailbox unavailable", D),
        (550, "5.2.1 The email account that you tried to reach is inactive.", D),
        (550, "User grace (grace@x.example) not listed in Domino Directory", D),
        # This message.
        (550, "JunkMail rejected", F),
        (550, "5.5.0 something is wrong", F),
        (550, "5.2.1 The user you are trying to contact is receiving mail at a rate that\nprevents additional messages", R),
        (550, "attachments of this kind are not accepted", F),
        (554, "5.7.1 looks like spam", F),
    ],
)
def test_a_refused_recipient_is_blamed_only_for_what_is_theirs(code: int, text: str, verdict: Verdict) -> None:
    assert refusal(Stage.RCPT, Reply(code, text)).verdict is verdict


@pytest.mark.parametrize(
    "text",
    [
        "Access denied",
        "5.0.0 Access denied",
        "Unauthorized",
        "not permitted",
        "Service unavailable",
        "System not accepting mail",
        "System down for maintenance",
        "Server busy",
        "Internal error",
        "Local configuration error",
        "Database error",
        "LDAP lookup failure",
        "Callout failed",
        "TLS required",
        "SPF check failed",
        "DKIM signature required",
        "mail from 192.0.2.1 refused",
        "Mail from 192.0.2.1 not allowed - [10]",  # Yahoo's
        "192.0.2.1 is not allowed to send mail from council.example",  # SiteGround's
        "We do not accept mail from you",
        "Host not allowed",
        "Invalid sender",
        "From address not verified",
        "Domain is not verified",
        "Your account has been disabled",
        "account suspended",
        "Daily sending limit exceeded",
        "You have exceeded the maximum number of messages per hour",
        "Too many recipients",
        "Please try later",
        "Message rejected",
        "Command rejected",
        "Transaction failed",
        "5.2.1 The user you are trying to contact is receiving mail at a rate that prevents additional messages",
    ],
)
def test_what_a_server_says_of_itself_or_of_us_or_of_the_moment_ends_no_address(text: str) -> None:
    """With a 550, as anybody's address would have been refused: an edition would end the subscriptions of a whole city."""
    assert refusal(Stage.RCPT, Reply(550, text)).verdict is not D


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (550, "No such user here"),
        (550, "Unknown address"),
        (550, "Unrouteable address"),
        (550, "Recipient rejected"),
        (550, "account is disabled"),
        (550, "Not our customer"),
        (550, "This user is not allowed to receive mail"),
        (550, "unknown user; the account does not exist on this server"),
        (551, "User not local; please try <grace@y.example>"),
        (553, "Requested action not taken: mailbox name not allowed"),
    ],
)
def test_what_a_server_says_of_the_mailbox_still_ends_the_address(code: int, text: str) -> None:
    assert refusal(Stage.RCPT, Reply(code, text)).verdict is D


@pytest.mark.parametrize("code", [500, 502, 503, 504, 530])
def test_a_command_that_is_not_taken_says_nothing_about_the_message(code: int) -> None:
    assert refusal(Stage.DATA, Reply(code, "5.5.1 no")).verdict is R


@pytest.mark.parametrize(
    ("stage", "reply", "names_it"),
    [
        (Stage.RCPT, Reply(452, "4.2.2 <grace@x.example>: over quota"), True),
        (Stage.RCPT, Reply(450, "4.2.1 The user is receiving mail at a rate"), True),
        (Stage.RCPT, Reply(552, "5.2.2 full"), True),
        (Stage.RCPT, Reply(450, "Mailbox is full"), True),
        (Stage.BODY, Reply(452, "4.2.2 full"), True),
        (Stage.RCPT, Reply(450, "4.2.0 Greylisted"), False),
        (Stage.RCPT, Reply(452, "4.3.1 Insufficient system storage"), False),
        (Stage.RCPT, Reply(452, "Insufficient system storage"), False),
        (Stage.RCPT, Reply(452, "4.5.3 Too many recipients"), False),
        (Stage.MAIL, Reply(452, "4.2.2 disk full"), False),
        (Stage.RCPT, Reply(550, "relay not permitted"), False),
    ],
)
def test_a_mailbox_that_takes_nothing_at_this_time_is_told_apart(stage: Stage, reply: Reply, names_it: bool) -> None:
    assert refusal(stage, reply).is_of_mailbox is names_it


@pytest.mark.parametrize(("text", "verdict"), [("5.1.1 no such user", D), ("5.2.1 disabled", D), ("5.7.1 spam", F), ("no such user", F)])
def test_who_names_the_recipient_only_after_the_message_means_the_same(text: str, verdict: Verdict) -> None:
    assert refusal(Stage.BODY, Reply(550, text)).verdict is verdict


@pytest.mark.parametrize(
    ("code", "text", "verdict"),
    [
        (550, "5.4.5 Daily user sending limit exceeded. For more information on Gmail\nsending limits go to", R),
        (550, "5.1.8 Access denied, bad outbound sender", R),  # Exchange Online's
        (554, "5.2.0 STOREDRV.Submission.Exception:SubmissionQuotaExceededException; Failed to process message", R),
        (554, "Message rejected: Email address is not verified. The following identities failed the check", R),  # Amazon's
        (554, "Message rejected: Sending suspended for this account.", R),
        (550, "5.7.26 Unauthenticated email is not accepted due to the DMARC policy of council.example", R),
        (503, "5.5.1 Error: need MAIL command", R),
        (552, "5.3.4 Message size limit exceeded", F),
        (550, "5.2.3 Your message exceeded the size limit", F),
        (552, "5.2.2 over quota", F),
        (554, "5.7.1 looks like spam", F),
    ],
)
def test_what_a_server_has_against_us_it_may_say_only_after_the_message(code: int, text: str, verdict: Verdict) -> None:
    """Gmail counts the day's emails there: all that it does not take today would have failed for good."""
    assert refusal(Stage.BODY, Reply(code, text)).verdict is verdict


def test_an_error_that_is_kept_names_nobody() -> None:
    reply = Reply(550, "5.1.1 <grace@roker.example>: user grace@roker.example\nis unknown")
    assert reply.summary(Stage.RCPT) == "RCPT: 550 5.1.1 …: user … is unknown"
