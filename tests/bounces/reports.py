"""Reports as the mail servers of this world write them, about an email that left with a given return path."""

from __future__ import annotations

ORIGINAL = """\
Return-Path: <{path}>
Received: from intouch.council.example (intouch.council.example [192.0.2.10])
\tby mx.example.org (Postfix) with ESMTPS id 4XyZ12; Wed, 18 Nov 2026 12:00:01 +0000 (GMT)
From: Sunderland City Council <news@council.example>
To: {to}
Subject: Southwick this week
Message-ID: <0123456789abcdef@council.example>
Date: Wed, 18 Nov 2026 12:00:00 +0000
MIME-Version: 1.0
Content-Type: text/plain; charset=utf-8

Hello.
"""

POSTFIX = """\
Return-Path: <>
Received: by mail.council.example (Postfix) id 5B8C11A2; Wed, 18 Nov 2026 12:00:05 +0000 (GMT)
Date: Wed, 18 Nov 2026 12:00:05 +0000 (GMT)
From: MAILER-DAEMON@mail.council.example (Mail Delivery System)
Subject: Undelivered Mail Returned to Sender
To: {path}
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
\tboundary="A1B2C3.1795003205/mail.council.example"
Message-Id: <20261118120005.5B8C11A2@mail.council.example>

This is a MIME-encapsulated message.

--A1B2C3.1795003205/mail.council.example
Content-Description: Notification
Content-Type: text/plain; charset=us-ascii

This is the mail system at host mail.council.example.

I'm sorry to have to inform you that your message could not
be delivered to one or more recipients. It's attached below.

                   The mail system

<{to}>: host mx.example.org[198.51.100.25] said: {words} (in reply to RCPT TO command)

--A1B2C3.1795003205/mail.council.example
Content-Description: Delivery report
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.council.example
X-Postfix-Queue-ID: 5B8C11A2
X-Postfix-Sender: rfc822; {path}
Arrival-Date: Wed, 18 Nov 2026 12:00:01 +0000 (GMT)

Final-Recipient: rfc822; {to}
Original-Recipient: rfc822;{to}
Action: {action}
Status: {status}
Remote-MTA: dns; mx.example.org
Diagnostic-Code: smtp; {words}

--A1B2C3.1795003205/mail.council.example
Content-Description: Undelivered Message Headers
Content-Type: text/rfc822-headers

{original}
--A1B2C3.1795003205/mail.council.example--
"""

EXIM = """\
Return-path: <>
Envelope-to: {path}
Received: from Debian-exim by smarthost.example with local (Exim 4.96)
\tid 1tD5xY-000abc-2F; Wed, 18 Nov 2026 12:00:06 +0000
X-Failed-Recipients: {to}
Auto-Submitted: auto-replied
From: Mail Delivery System <Mailer-Daemon@smarthost.example>
To: {path}
Content-Type: multipart/report; report-type=delivery-status; boundary=1795003206-eximdsn-1804289383
MIME-Version: 1.0
Subject: Mail delivery failed: returning message to sender
Message-Id: <E1tD5xY-000abc-2F@smarthost.example>
Date: Wed, 18 Nov 2026 12:00:06 +0000

--1795003206-eximdsn-1804289383
Content-type: text/plain; charset=us-ascii

This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  {to}
    host mx.example.org [198.51.100.25]
    SMTP error from remote mail server after RCPT TO:<{to}>:
    550 5.1.1 <{to}>: Recipient address rejected: User unknown

--1795003206-eximdsn-1804289383
Content-type: message/delivery-status

Reporting-MTA: dns; smarthost.example

Action: failed
Final-Recipient: rfc822;{to}
Status: 5.0.0
Remote-MTA: dns; mx.example.org
Diagnostic-Code: smtp; 550 5.1.1 <{to}>: Recipient address rejected: User unknown

--1795003206-eximdsn-1804289383
Content-type: text/rfc822-headers

{original}
--1795003206-eximdsn-1804289383--
"""

EXIM_OLD = """\
Return-path: <>
Envelope-to: {path}
X-Failed-Recipients: {to}
From: Mail Delivery System <Mailer-Daemon@smarthost.example>
To: {path}
Subject: Mail delivery failed: returning message to sender
Message-Id: <E1tD5xY-000abc-2G@smarthost.example>
Date: Wed, 18 Nov 2026 12:00:06 +0000

This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  {to}
    Unrouteable address

------ This is a copy of the message, including all the headers. ------

{original}
"""

# The last mailbox on the way is local: no other server's answer, only a sentence for people.
EXIM_FULL = """\
Return-path: <>
Envelope-to: {path}
X-Failed-Recipients: {to}
Auto-Submitted: auto-replied
From: Mail Delivery System <Mailer-Daemon@smarthost.example>
To: {path}
Content-Type: multipart/report; report-type=delivery-status; boundary=1795003206-eximdsn-1804289383
MIME-Version: 1.0
Subject: Mail delivery failed: returning message to sender

--1795003206-eximdsn-1804289383
Content-type: text/plain; charset=us-ascii

This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  {to}
    mailbox is full: retry timeout exceeded

--1795003206-eximdsn-1804289383
Content-type: message/delivery-status

Reporting-MTA: dns; smarthost.example

Action: failed
Final-Recipient: rfc822;{to}
Status: 5.0.0

--1795003206-eximdsn-1804289383
Content-type: text/rfc822-headers

{original}
--1795003206-eximdsn-1804289383--
"""

# Netscape's and others': the machine-readable part names no recipient at all.
SAYS_NOTHING = """\
From: Mail Administrator <Postmaster@mail.example.org>
To: {path}
Subject: Mail System Error - Returned Mail
Content-Type: multipart/report; report-type=delivery-status; boundary="x"
MIME-Version: 1.0

--x
Content-Type: text/plain

This Message was undeliverable due to the following reason:

{words}

The following recipients did not receive your message:

     <{to}>

Please reply to Postmaster@mail.example.org
if you feel this message to be in error.

--x
Content-Type: message/delivery-status

Reporting-MTA: dns; mail.example.org
Arrival-Date: Wed, 18 Nov 2026 12:00:01 +0000

--x
Content-Type: text/rfc822-headers

{original}
--x--
"""

EXCHANGE = """\
From: <postmaster@example.onmicrosoft.com>
To: <{path}>
Date: Wed, 18 Nov 2026 12:00:07 +0000
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
\tboundary="7f0c1b57-9c1b-4e9b-a3ff-000000000001"
Content-Language: en-GB
Message-ID: <7f0c1b57@DB9PR01MB0001.eurprd01.prod.exchangelabs.example>
Subject: Undeliverable: Southwick this week
Auto-Submitted: auto-replied

--7f0c1b57-9c1b-4e9b-a3ff-000000000001
Content-Type: multipart/alternative; differences=Content-Type;
\tboundary="7f0c1b57-9c1b-4e9b-a3ff-000000000002"

--7f0c1b57-9c1b-4e9b-a3ff-000000000002
Content-Type: text/plain; charset="us-ascii"
Content-Transfer-Encoding: quoted-printable

Your message to {to} couldn't be delivered.=20

--7f0c1b57-9c1b-4e9b-a3ff-000000000002--

--7f0c1b57-9c1b-4e9b-a3ff-000000000001
Content-Type: message/delivery-status

Reporting-MTA: dns;DB9PR01MB0001.eurprd01.prod.exchangelabs.example
Received-From-MTA: dns;intouch.council.example
Arrival-Date: Wed, 18 Nov 2026 12:00:05 +0000

Final-Recipient: rfc822;{to}
Action: failed
Status: {status}
Diagnostic-Code: smtp;{words}
X-Display-Name: Grace

--7f0c1b57-9c1b-4e9b-a3ff-000000000001
Content-Type: message/rfc822

{original}
--7f0c1b57-9c1b-4e9b-a3ff-000000000001--
"""

QMAIL = """\
Return-Path: <>
Received: (qmail 12345 invoked for bounce); 18 Nov 2026 12:00:08 -0000
Date: 18 Nov 2026 12:00:08 -0000
From: MAILER-DAEMON@qmail.example
To: {path}
Subject: failure notice

Hi. This is the qmail-send program at qmail.example.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<{to}>:
{words}

--- Below this line is a copy of the message.

{original}
"""

SENDMAIL = """\
Return-Path: <>
From: Mail Delivery Subsystem <MAILER-DAEMON@sendmail.example>
To: <{path}>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
\tboundary="4AIC05x1012345.1795003205/sendmail.example"
Subject: Returned mail: see transcript for details
Auto-Submitted: auto-generated (failure)

This is a MIME-encapsulated message

--4AIC05x1012345.1795003205/sendmail.example

The original message was received at Wed, 18 Nov 2026 12:00:05 GMT
from localhost [127.0.0.1]

   ----- The following addresses had permanent fatal errors -----
<{to}>
    (reason: {words})

   ----- Transcript of session follows -----
... while talking to mx.example.org.:
>>> {command}
<<< {words}
554 5.0.0 Service unavailable

--4AIC05x1012345.1795003205/sendmail.example
Content-Type: message/delivery-status

Reporting-MTA: dns; sendmail.example
Received-From-MTA: DNS; localhost
Arrival-Date: Wed, 18 Nov 2026 12:00:05 GMT

Final-Recipient: RFC822; {to}
Action: {action}
Status: {status}
Remote-MTA: DNS; mx.example.org
Diagnostic-Code: SMTP; {words}
Last-Attempt-Date: Wed, 18 Nov 2026 12:00:06 GMT

--4AIC05x1012345.1795003205/sendmail.example
Content-Type: text/rfc822-headers

{original}
--4AIC05x1012345.1795003205/sendmail.example--
"""

VACATION = """\
Return-Path: <>
From: Grace <{to}>
To: {path}
Subject: Out of office: Southwick this week
Auto-Submitted: auto-replied
Precedence: bulk
Message-ID: <vacation-1@example.org>
Content-Type: text/plain; charset=utf-8

I am away until 550 5.1.1 and will read your message when I am back.
"""

ARF = """\
From: <complaints@isp.example>
To: <{feedback_address}>
Date: Thu, 19 Nov 2026 08:00:00 +0000
Subject: FW: Southwick this week
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report;
\tboundary="part1_13d.2e68ed54_boundary"

--part1_13d.2e68ed54_boundary
Content-Type: text/plain; charset="US-ASCII"
Content-Transfer-Encoding: 7bit

This is an email abuse report for an email message received from IP
192.0.2.10 on Wed, 18 Nov 2026 12:00:05 +0000.

--part1_13d.2e68ed54_boundary
Content-Type: message/feedback-report

Feedback-Type: {feedback}
User-Agent: SomeGenerator/1.0
Version: 1
Original-Mail-From: <{path}>
Source-IP: 192.0.2.10
Reported-Domain: council.example

--part1_13d.2e68ed54_boundary
Content-Type: message/rfc822
Content-Disposition: inline

{original}
--part1_13d.2e68ed54_boundary--
"""

NO_SUCH_USER = "550 5.1.1 <{to}>: Recipient address rejected: User unknown in virtual mailbox table"
FULL = "552 5.2.2 <{to}>: Mailbox is full / over quota"


def written(shape: str, *, path: str, to: str = "grace@example.org", **values: str) -> bytes:
    """A report of this shape, as it comes over the wire."""
    words = values.pop("words", NO_SUCH_USER).format(to=to)
    fields = {"action": "failed", "status": "5.1.1", "feedback": "abuse", "feedback_address": "bounce@mail.council.example"} | values
    text = shape.format(path=path, to=to, words=words, original=ORIGINAL.format(path=path, to=to), **fields)
    return text.replace("\n", "\r\n").encode()
