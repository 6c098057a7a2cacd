"""What reports say: of Postfix, Exim, Exchange and qmail, of feedback loops, of nobody and of Mallory."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intouch.bounces import reading, statuses
from intouch.bounces.models import Kind
from intouch.bounces.reading import Report, read
from intouch.bounces.verp import ReturnPath
from tests.bounces.reports import ARF, EXCHANGE, EXIM, EXIM_FULL, EXIM_OLD, FULL, POSTFIX, QMAIL, SAYS_NOTHING, SENDMAIL, VACATION, written

PATHS = ReturnPath("bounce@mail.council.example", b"a key")
MINE = PATHS.of(12)


@pytest.mark.parametrize(
    ("shape", "values", "kind", "status"),
    [
        (POSTFIX, {}, Kind.HARD, "5.1.1"),
        (POSTFIX, {"status": "5.2.2", "words": FULL}, Kind.SOFT, "5.2.2"),
        (POSTFIX, {"status": "4.4.1", "words": "connect to mx.example.org[198.51.100.25]:25: Connection timed out"}, Kind.SOFT, "4.4.1"),
        (POSTFIX, {"status": "5.7.1", "words": "550 5.7.1 Message refused: it looks like spam"}, Kind.SOFT, "5.7.1"),
        (POSTFIX, {"status": "5.0.0", "words": "550 no such user here"}, Kind.HARD, "550"),
        (POSTFIX, {"status": "5.0.0", "words": "554 delivery error: dd This user doesn't have an account"}, Kind.HARD, "554"),
        (POSTFIX, {"status": "5.0.0", "words": "554 delivery error: something else"}, Kind.SOFT, "554"),
        # The code leaves it open, or there is none: the words tell a full mailbox and what is held against us from nobody.
        (POSTFIX, {"status": "5.0.0", "words": "550 User account is overquota"}, Kind.SOFT, "550"),
        (POSTFIX, {"status": "5.0.0", "words": "550 relay not permitted"}, Kind.SOFT, "550"),
        (SENDMAIL, {"words": "550 Mailbox quota exceeded", "command": "RCPT"}, Kind.SOFT, "5.1.1"),  # its own code for a bare 550
        (SENDMAIL, {"words": "550 No such user here", "command": "RCPT"}, Kind.HARD, "5.1.1"),
        (POSTFIX, {"status": "5.1.2", "words": "550 5.1.2 Relay not allowed."}, Kind.SOFT, "5.1.2"),  # Stalwart's
        (POSTFIX, {"status": "5.0.0", "words": "550 Client host [192.0.2.10] blocked using zen.spamhaus.org"}, Kind.SOFT, "550"),
        (POSTFIX, {"status": "5.5.0", "words": "550 5.5.0 Requested action not taken: mailbox unavailable (S2017)"}, Kind.HARD, "5.5.0"),
        (POSTFIX, {"status": "5.0.0 (recipient reached disk quota)", "words": ""}, Kind.SOFT, "5.0.0"),
        (POSTFIX, {"action": "error", "status": "5.0.0", "words": "550 Invalid recipient"}, Kind.HARD, "550"),
        (EXIM_FULL, {}, Kind.SOFT, "5.0.0"),
        (QMAIL, {"words": "The message could not be delivered because the user's mailfolder is full."}, Kind.SOFT, ""),
        (
            QMAIL,
            {"words": "Error 01373: User's Disk Quota Exceeded.\nSorry, your intended recipient has too much mail stored."},
            Kind.SOFT,
            "",
        ),
        (QMAIL, {"words": "This user doesn't have an account here. Ask our help desk, 01524 480 624."}, Kind.HARD, ""),
        (SAYS_NOTHING, {"words": "One or more of them were not accepted."}, Kind.HARD, ""),
        (SAYS_NOTHING, {"words": "Host example.org is not responding."}, Kind.SOFT, ""),
        (POSTFIX, {"status": "5.4.4", "words": "Host or domain name not found. Name service error"}, Kind.HARD, "5.4.4"),
        (POSTFIX, {"status": "5.1.1 User unknown", "words": ""}, Kind.HARD, "5.1.1"),
        (POSTFIX, {"status": "5.2.2; mailbox", "words": ""}, Kind.SOFT, "5.2.2"),
        (POSTFIX, {"status": "nonsense", "words": "nonsense"}, Kind.SOFT, ""),
        (EXIM, {}, Kind.HARD, "5.1.1"),
        (EXIM_OLD, {}, Kind.HARD, ""),
        (EXCHANGE, {"status": "5.1.10", "words": "550 5.1.10 RESOLVER.ADR.RecipientNotFound; not found"}, Kind.HARD, "5.1.10"),
        (EXCHANGE, {"status": "5.4.1", "words": "550 5.4.1 Recipient address rejected: Access denied"}, Kind.HARD, "5.4.1"),
        (EXCHANGE, {"status": "5.2.2", "words": "554 5.2.2 mailbox full; STOREDRV.Deliver.Exception"}, Kind.SOFT, "5.2.2"),
        (
            EXCHANGE,
            {"status": "5.4.316", "words": "550 5.4.316 Message expired, connection refused(Socket error code 10061)"},
            Kind.SOFT,
            "5.4.316",
        ),
        (EXCHANGE, {"status": "5.1.90", "words": "550 5.1.90 you've reached your daily limit for message recipients"}, Kind.SOFT, "5.1.90"),
        (EXCHANGE, {"status": "5.2.0", "words": "554 5.2.0 STOREDRV.Deliver; the recipient mailbox is over its quota"}, Kind.SOFT, "5.2.0"),
        (QMAIL, {"words": "198.51.100.25 does not like recipient.\nRemote host said: 550 5.1.1 unknown\nGiving up."}, Kind.HARD, "5.1.1"),
        (QMAIL, {"words": "198.51.100.25 failed after I sent the message.\nRemote host said: 552 5.2.2 over quota"}, Kind.SOFT, "5.2.2"),
        (QMAIL, {"words": "Sorry, no mailbox here by that name. (#5.1.1)"}, Kind.HARD, "5.1.1"),
        # A busy mailbox has the code of one that is disabled, and Exchange Online the same for all that goes wrong there.
        (POSTFIX, {"status": "5.2.1", "words": "550-5.2.1 The user is receiving mail at a rate that prevents more"}, Kind.SOFT, "5.2.1"),
        (POSTFIX, {"status": "5.2.1", "words": "550 5.2.1 The email account that you tried to reach is inactive"}, Kind.HARD, "5.2.1"),
        (QMAIL, {"words": "This mailbox is disabled. (#5.2.1)"}, Kind.HARD, "5.2.1"),
        (EXCHANGE, {"status": "5.2.0", "words": "554 5.2.0 STOREDRV.Deliver.Exception:StorageTransientException"}, Kind.SOFT, "5.2.0"),
        (POSTFIX, {"status": "5.1.0", "words": "550 5.1.0 <bounce@mail.council.example> sender rejected"}, Kind.SOFT, "5.1.0"),
        (POSTFIX, {"status": "5.1.0", "words": "550 5.1.0 Address rejected."}, Kind.HARD, "5.1.0"),
        (POSTFIX, {"status": "5.0.0", "words": "550 SPF check failed"}, Kind.SOFT, "550"),
        (ARF, {}, Kind.COMPLAINT, "abuse"),
    ],
)
def test_what_mail_servers_write_is_understood(shape: str, values: dict[str, str], kind: Kind, status: str) -> None:
    message = written(shape, path=MINE, **values)
    assert read(message, PATHS) == Report(kind, status, 12)
    assert read(message.replace(b"\r\n", b"\n"), PATHS, recipients=[MINE.upper()]) == Report(kind, status, 12)


@pytest.mark.parametrize(
    ("command", "words", "kind"),
    [
        ("RCPT To:<grace@example.org>", "550 no thanks", Kind.HARD),
        ("RCPT To:<grace@example.org>", "550 5.1.1 User unknown", Kind.HARD),
        ("DATA", "550 no thanks", Kind.SOFT),
        ("DATA", "550 no such user", Kind.HARD),
        ("DATA", "550 5.1.1 User unknown", Kind.HARD),
    ],
)
def test_sendmail_shows_in_its_transcript_whether_a_filter_refused(command: str, words: str, kind: Kind) -> None:
    report = read(written(SENDMAIL, path=MINE, status="5.0.0", words=words, command=command), PATHS)
    assert report is not None and report.kind is kind


@pytest.mark.parametrize(
    ("shape", "before", "after"),
    [
        (POSTFIX, "(in reply to RCPT TO command)", "(in reply to end of\r\n    DATA command)"),
        (EXIM, "after RCPT TO:<grace@example.org>", "after end of data"),
        (EXIM, "after RCPT TO:<grace@example.org>", "after pipelined end of data"),
        (QMAIL, "Remote", "198.51.100.25 failed after I sent the message.\r\nRemote"),
    ],
)
def test_a_filter_that_refuses_a_whole_message_says_nothing_of_the_address(shape: str, before: str, after: str) -> None:
    def report(words: str, before: str, after: str) -> Report | None:
        said = "550 5.1.1 <grace@example.org>: Recipient address rejected: User unknown" if shape == EXIM else "550 no thanks"
        message = written(shape, path=MINE, status="5.0.0", words=f"Remote host said: {said}" if shape == QMAIL else said)
        assert before.encode() in message
        return read(message.replace(said.encode(), words.encode()).replace(before.encode(), after.encode()), PATHS)

    assert report("550 no thanks", before, before) == Report(Kind.HARD, "550", 12)
    assert report("550 no thanks", before, after) == Report(Kind.SOFT, "550", 12)
    assert report("550 no such user", before, after) == Report(Kind.HARD, "550", 12)


@pytest.mark.parametrize(
    "message",
    [
        written(POSTFIX, path=MINE, action="delayed", status="4.4.1"),
        written(POSTFIX, path=MINE, action="delivered", status="2.0.0"),
        written(EXIM_OLD, path=MINE).replace(b"Mail delivery failed: returning", b"Warning: message 1tD5xY delayed 24 hours:"),
        written(EXIM_OLD, path=MINE).replace(b"Mail delivery failed: returning", b"Delivery Status Notification (Delay)"),
        written(VACATION, path=MINE),
        written(ARF, path=MINE, feedback="not-spam"),
        written(ARF, path=MINE, feedback="auth-failure"),
        b"",
        b"Subject: hello\r\nTo: " + MINE.encode() + b"\r\n\r\nIs anybody there?\r\n",
    ],
)
def test_what_is_no_failure_and_no_complaint_says_nothing(message: bytes) -> None:
    assert read(message, PATHS, recipients=[MINE]) is None


@pytest.mark.parametrize("sender", [b"", b"From: <>\r\n", b"From:\r\n"])
def test_a_report_from_nobody_is_read(sender: bytes) -> None:
    message = written(EXIM_OLD, path=MINE).replace(b"From: Mail Delivery System <Mailer-Daemon@smarthost.example>\r\n", sender)
    assert read(message, PATHS) == Report(Kind.HARD, "", 12)


LOCAL, _, DOMAIN = MINE.partition("@")


@pytest.mark.parametrize(
    "written_so",
    [
        f'"Mail of In Touch" <{MINE}>',
        f'"Touch, In" <{MINE}>',
        f"{MINE} (In Touch)",
        f'"{LOCAL}"@{DOMAIN}',
        f"J\u00fcrgen <{MINE}>",
        f"rfc822; {MINE.upper()}",
        f"somebody@example.org,\r\n\t<{MINE}>",
        # A relay of ours tags what leaves (BATV, in its three spellings) and does not take the tag off again.
        f"prvs=0123456789={MINE}",
        f"<msprvs1=17999abcd={MINE}>",
        f"btv1==0123abcdef=={MINE}",
    ],
)
def test_our_return_path_is_found_however_it_is_written(written_so: str) -> None:
    to = b"To: " + written_so.encode("latin-1")
    message = written(POSTFIX, path="nobody@example.org").replace(b"To: nobody@example.org", to, 1)
    assert read(message, PATHS) == Report(Kind.HARD, "5.1.1", 12)


def test_a_tag_in_front_makes_no_forged_return_path_a_true_one() -> None:
    for forged in (f"prvs=0123456789={LOCAL[:-1]}a@{DOMAIN}", f"prvs=={MINE}", f"x=y={MINE}", f"prvs=1={LOCAL}@mallory.example"):
        assert PATHS.delivery_of(forged) is None
        assert not PATHS.receives(forged)


def _with_part(shape: str, kind: str, *, encoded: bool = False, **values: str) -> bytes:
    """The report with its machine-readable part as ``kind``, perhaps in base64."""
    head, _, rest = written(shape, path=MINE, **values).partition(b"Content-Type: message/")
    name, _, rest = rest.partition(b"\r\n\r\n")
    boundary = b"\r\n--" + (b"A1B2C3" if shape == POSTFIX else b"part1")
    content, end, rest = rest.partition(boundary)
    if encoded:
        name, content = name + b"\r\nContent-Transfer-Encoding: base64", base64.encodebytes(content)
    return head + b"Content-Type: " + name.replace(name.partition(b"\r\n")[0], kind.encode()) + b"\r\n\r\n" + content + end + rest


@pytest.mark.parametrize("encoded", [False, True])
@pytest.mark.parametrize("kind", ["message/delivery-status", "message/global-delivery-status"])
def test_a_report_about_an_address_in_another_script_is_read_encoded_or_not(kind: str, encoded: bool) -> None:
    for values, report in (
        ({}, Report(Kind.HARD, "5.1.1", 12)),
        ({"status": "4.2.2", "words": FULL}, Report(Kind.SOFT, "4.2.2", 12)),
        ({"action": "delayed", "status": "4.4.1"}, None),
    ):
        assert read(_with_part(POSTFIX, kind, encoded=encoded, **values), PATHS, recipients=[MINE]) == report


def test_a_complaint_whose_parts_are_encoded_is_heard_and_traced() -> None:
    message = _with_part(ARF, "message/feedback-report", encoded=True)
    assert read(message.replace(b"Return-Path: ", b"X-Was: "), PATHS) == Report(Kind.COMPLAINT, "abuse", 12)


def test_a_complaint_may_have_a_comment_behind_its_kind() -> None:
    assert read(written(ARF, path=MINE, feedback="Abuse (spam button)"), PATHS) == Report(Kind.COMPLAINT, "abuse", 12)


def test_behind_a_forwarding_address_one_who_got_it_is_enough() -> None:
    both = written(POSTFIX, path=MINE).replace(
        b"Final-Recipient:", b"Final-Recipient: rfc822; other@example.org\r\nAction: delivered\r\nStatus: 2.0.0\r\n\r\nFinal-Recipient:", 1
    )
    assert read(both, PATHS) is None
    full = both.replace(b"Action: delivered\r\nStatus: 2.0.0", b"Action: failed\r\nStatus: 5.2.2")
    assert read(full, PATHS) == Report(Kind.SOFT, "5.2.2", 12)


@pytest.mark.parametrize("shape", [POSTFIX, EXIM, EXIM_OLD, EXCHANGE, QMAIL, ARF])
def test_a_report_without_a_return_path_that_we_made_says_nothing(shape: str) -> None:
    local, _, domain = MINE.partition("@")
    foreign = ReturnPath("bounce@mail.council.example", b"another key").of(12)
    for path in (
        foreign,
        f"{local[:-1]}@{domain}",
        MINE.replace("+12.", "+13."),
        f"{local}@mallory.example",
        "bounce@mail.council.example",
    ):
        assert read(written(shape, path=path), PATHS, recipients=[path]) is None


def test_a_complaint_is_traced_by_the_email_that_it_carries() -> None:
    message = written(ARF, path=MINE).replace(b"Original-Mail-From: <" + MINE.encode() + b">\r\n", b"")
    assert read(message, PATHS, recipients=["bounce@mail.council.example"]) == Report(Kind.COMPLAINT, "abuse", 12)


def test_a_huge_message_is_not_even_parsed() -> None:
    assert read(written(POSTFIX, path=MINE) + b"x" * reading.MOST_BYTES, PATHS) is None


def test_a_return_path_fits_into_64_bytes_and_is_read_in_either_case() -> None:
    longest = ReturnPath("x" * 26 + "@mail.council.example", b"a key")
    path = longest.of(9_223_372_036_854_775_807)
    assert len(path.partition("@")[0]) <= 64
    assert longest.delivery_of(path.upper()) == longest.delivery_of(f"<{path}>") == 9_223_372_036_854_775_807
    assert (
        longest.receives(path) and longest.receives("X" * 26 + "@mail.council.example") and not longest.receives("me@mail.council.example")
    )


@settings(max_examples=300)
@given(st.binary(max_size=2000))
def test_no_bytes_make_it_fall_over(rubbish: bytes) -> None:
    assert read(rubbish, PATHS, recipients=[MINE]) is None or rubbish


_PIECES = st.sampled_from(
    [
        b"Content-Type: multipart/report; boundary=x\r\n",
        b"Content-Type: message/delivery-status\r\n",
        b"Content-Type: message/feedback-report\r\n",
        b"Content-Type: text/plain; charset=no-such-charset\r\n",
        b"Content-Transfer-Encoding: base64\r\n",
        b"Content-Type: message/rfc822\r\n",
        b"\r\n",
        b"--x\r\n",
        b"--x--\r\n",
        b"Status: 5.1.1\r\n",
        b"Action: failed\r\n",
        b"Feedback-Type: abuse\r\n",
        b"To: " + MINE.encode() + b"\r\n",
        b"\xff\xfe=?utf-8?b?////?=\r\n",
        b"Return-Path: =?x?q?=00?=\r\n",
        b"Hi. This is the qmail-send program\r\n",
    ]
)


@settings(max_examples=400)
@given(st.lists(st.one_of(_PIECES, st.binary(max_size=20)), max_size=40))
def test_nor_do_broken_reports(pieces: list[bytes]) -> None:
    found = read(b"".join(pieces), PATHS, recipients=[MINE])
    assert found is None or found.delivery_id == 12


@settings(max_examples=200)
@given(st.data())
def test_nor_does_a_report_that_was_damaged_on_the_way(data: st.DataObject) -> None:
    whole = bytearray(written(data.draw(st.sampled_from([POSTFIX, EXIM, EXCHANGE, QMAIL, ARF])), path=MINE))
    for _ in range(data.draw(st.integers(1, 20))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    found = read(bytes(whole), PATHS, recipients=[MINE])
    assert found is None or found.delivery_id == 12


@given(st.text(max_size=100))
def test_nor_does_an_address_or_a_status(text: str) -> None:
    assert PATHS.delivery_of(text) is None
    statuses.of_code(text)
    statuses.of_words(text)


@given(st.integers(1, 2**63 - 1), st.integers(1, 2**63 - 1))
def test_each_delivery_has_a_return_path_of_its_own(one: int, other: int) -> None:
    assert PATHS.delivery_of(PATHS.of(one)) == one
    assert (PATHS.of(one) == PATHS.of(other)) == (one == other)
