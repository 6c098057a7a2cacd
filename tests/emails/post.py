"""Post: every email that In Touch writes, with little, much and hostile in it, sent by the real worker to a mailbox on loopback."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from sqlalchemy.ext.asyncio import AsyncSession

from intouch import app, sender
from intouch import settings as settings_module
from intouch.clock import ShiftedClock
from intouch.council.models import Councillor
from intouch.demo.mailbox import Mail, mailbox
from intouch.digest import editions
from intouch.digest.models import Audience
from intouch.outbox import enqueue
from intouch.outbox.models import Delivery, Lane, Road, State
from intouch.outbox.presence import Presence
from intouch.outbox.worker import Worker
from intouch.places.models import Area, Ward
from intouch.post import Post
from intouch.residents import asking, consents, email
from intouch.residents.models import Channel, Resident, ResidentStatus, Subscription, Topic
from intouch.runtime import Runtime
from intouch.surveys import answering, closing, file, launch
from intouch.surveys.filling_in import Given
from intouch.surveys.models import AnswerKind
from tests.digest import cases

NOW = datetime(2026, 11, 20, 16, 0, tzinfo=UTC)
SITE = "https://intouch.sunderland.example"
# As much as a title or an answer may hold; characters that nobody can see are refused when a survey is made.
HOSTILE = "".join(one for one in cases.HOSTILE if one.isprintable())[:80].strip()
ARABIC = "أعمال الطرق في شارع الكنيسة."
LONG = "Would you use a cycle lane along the riverside between the bridge and the beach, all year round? " * 3

_QUESTION: dict[str, Any] = cases.BRIEFING["surveys"][0]["questions"][0]
COMPARED_QUESTION = {**_QUESTION, "rows": [{**_QUESTION["rows"][0], "label": LONG[:100]}] * 10}

DIGESTS: dict[str, dict[str, Any]] = {
    "small": cases.SMALL,
    "ordinary": cases.ORDINARY,
    "large": cases.LARGE,
    "hostile": cases.HOSTILE_DIGEST,
}
BRIEFINGS: dict[str, dict[str, Any]] = {
    "small": cases.briefing(),
    "ordinary": cases.BRIEFING,
    # As much as the rooms ever put into one: three closed and three open surveys, ten notices.
    "large": cases.briefing(
        surveys=[{**cases.COMPARED, "questions": [COMPARED_QUESTION] * 3, "more": 2}] * 3
        + [{**cases.COMPARED, "is_open": True, "questions": [], "url": ""}] * 3,
        reports={
            "rows": [{"category": f"Category {n}", "reported": 1234, "in_progress": 99, "fixed": 1001, "closed": 12} for n in range(15)],
            "made": 1234,
            "fixed": 1001,
            "oldest": [cases.REPORT] * 5,
        },
        notices=[{**cases.NOTICE, "text": "words " * 66}] * 10,
        more_notices=31,
        network={"size": 12345, "growth": 678, "smallest": 5},
        steps=cases.STEPS,
    ),
    "hostile": cases.HOSTILE_BRIEFING,
}
QUESTIONS: dict[str, dict[str, Any]] = {
    "single": {"text": "Should bins be emptied on Mondays?", "type": "single", "options": ["Yes, Mondays", "No, keep Fridays"]},
    "scale": {"text": "How safe do you feel after dark?", "type": "scale"},
    "text": {"text": "What should change first?", "type": "text"},
    "large": {"text": LONG, "type": "single", "options": [f"Answer {n}: " + "some more words to read " * 3 for n in range(1, 11)]},
    "hostile": {"text": HOSTILE, "type": "single", "options": [HOSTILE, cases.LONG_WORD[:60]]},
    "arabic": {"text": ARABIC, "type": "single", "options": [ARABIC, "No"]},
}


async def everything(database_url: str, folder: Path) -> dict[str, Mail]:
    """All the mails by name, such as ``digest-large`` or ``confirm_email-plain``."""
    async with mailbox() as box:
        settings = settings_module.load(
            data_dir=folder,
            database_url=database_url,
            secret_key="a-key-for-tests",
            council_name="Sunderland City Council",
            council_address="City Hall, Plater Way, Sunderland",
            email_from="In Touch Sunderland <intouch@sunderland.example>",
            public_url=SITE,
            smtp_url=box.url,
            dkim_keys=_keys(folder),
        )
        runtime = app.build_runtime(settings, ShiftedClock(NOW))
        try:
            async with runtime.sessions.write() as session:
                await _queue(session, runtime)
            await _send(sender.build_worker(runtime, Presence(runtime.settings.data_dir), email=Post(runtime.settings).channel), runtime)
        finally:
            await runtime.sessions.close()
        return {mail.recipients[0].partition("@")[0]: mail for mail in box.messages}


def _keys(folder: Path) -> str:
    """An RSA and an Ed25519 key in files, as a council would have them."""
    for name, key in (("rsa", rsa.generate_private_key(65537, 2048)), ("ed25519", ed25519.Ed25519PrivateKey.generate())):
        plain = serialization.NoEncryption()
        (folder / f"{name}.pem").write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    return f"rsa={folder / 'rsa.pem'}, ed={folder / 'ed25519.pem'}"


async def _send(worker: Worker, runtime: Runtime) -> None:
    waiting = sa.select(sa.func.count()).select_from(Delivery).where(Delivery.state.in_([State.QUEUED, State.SENDING]))
    running = asyncio.create_task(worker.run())
    left: int | None = 1
    async with asyncio.timeout(30):
        while left:
            await asyncio.sleep(0.1)
            async with runtime.sessions.read() as session:
                left = await session.scalar(waiting)
    await worker.stop()
    await running


async def _queue(session: AsyncSession, runtime: Runtime) -> None:
    area = Area(name="North")
    session.add(area)
    await session.flush()
    for case, contents in DIGESTS.items():
        ward = await _ward(session, f"E1{case}", area.id)
        await _resident(session, f"digest-{case}", ward, Topic.DIGEST)
        due = editions.Due(Audience.DIGEST, ward, "2026-W47", NOW, NOW)
        await editions.publish(session, due, _here(contents), now=NOW)
    for case, contents in BRIEFINGS.items():
        ward = await _ward(session, f"E2{case}", area.id)
        session.add(Councillor(name="Carl", ward_id=ward.id, email=_address(f"briefing-{case}"), is_active=True))
        await session.flush()
        due = editions.Due(Audience.BRIEFING, ward, "2026-W47", NOW, NOW)
        await editions.publish(session, due, _here(contents), now=NOW)
    for case, question in QUESTIONS.items():
        await _invitation(session, case, question, await _ward(session, f"E3{case}", area.id))
    for number, (case, answers) in enumerate((("single", 12), ("large", 12), ("hostile", 12), ("arabic", 12), ("text", 1))):
        await _outcome(session, case, answers, await _ward(session, f"E4{number}", area.id))
    await _letters(session, runtime, await _ward(session, "E5letters", area.id))


def _address(name: str) -> str:
    return f"{name}@mail.example"


def _here(contents: dict[str, Any]) -> dict[str, Any]:
    """Links of our own lead to our own site, as those of real editions do."""
    here: dict[str, Any] = json.loads(json.dumps(contents).replace("https://intouch.example", SITE))
    return here


async def _ward(session: AsyncSession, code: str, area_id: int) -> Ward:
    ward = Ward(code=code.upper(), name="Southwick", area_id=area_id, valid_from=date(2026, 5, 7))
    session.add(ward)
    await session.flush()
    return ward


async def _resident(session: AsyncSession, name: str, ward: Ward, *topics: Topic) -> Resident:
    words = cases.HOSTILE.strip()[:64] if "hostile" in name else "Grace"
    resident = Resident(
        status=ResidentStatus.ACTIVE,
        first_name=words,
        ward_id=ward.id,
        email=_address(name),
        email_confirmed_at=NOW,
        created_at=NOW,
        joined_at=NOW,
    )
    session.add(resident)
    await session.flush()
    session.add_all(Subscription(resident_id=resident.id, topic=topic, channel=Channel.EMAIL, started_at=NOW) for topic in topics)
    await session.flush()
    return resident


async def _open(session: AsyncSession, case: str, question: dict[str, Any], ward: Ward) -> int:
    title = {"hostile": HOSTILE, "large": LONG[:97], "arabic": ARABIC}.get(case, "Bins in Southwick")
    head = {"title": title, "why": "The council may change collection days.", "audience": None}
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in head.items() if value]
    lines += ["closes = 2026-12-05T18:00:00", f'audience = {{ wards = ["{ward.code}"] }}']
    for one in (question, QUESTIONS["scale"], QUESTIONS["text"]):
        lines += ["[[questions]]", *(f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in one.items())]
    plan = file.read_survey("\n".join(lines), filename="survey.toml", zone=ZoneInfo("Europe/London"))
    survey = await launch.create(session, replace(plan, file_hash=None), now=NOW)
    await launch.launch(session, survey.id, now=NOW)
    return survey.id


async def _invitation(session: AsyncSession, case: str, question: dict[str, Any], ward: Ward) -> None:
    await _resident(session, f"survey_invitation-{case}", ward, Topic.SURVEYS)
    await _open(session, case, question, ward)


async def _outcome(session: AsyncSession, case: str, answers: int, ward: Ward) -> None:
    """A survey that so many people answered; each of them is told the same, and the first one's letter is looked at."""
    people = [
        await _resident(session, f"survey_outcome-{case}" if number == 0 else f"other-{case}-{number}", ward, Topic.SURVEYS)
        for number in range(answers)
    ]
    survey_id = await _open(session, case, QUESTIONS[case], ward)
    for number, person in enumerate(people):
        form = await answering.questionnaire(session, survey_id, person.id)
        for question in form.questions:
            kind = {"single": AnswerKind.OPTION, "scale": AnswerKind.SCALE, "text": AnswerKind.TEXT}[str(question.type)]
            choices = (question.choices[number % 2].id,) if question.choices else ()
            words = "Less noise" if kind is AnswerKind.TEXT else None
            await answering.answer(session, Given(person.id, question.id, kind, choices, words), now=NOW)
    await closing.close(session, survey_id, now=NOW)


async def _letters(session: AsyncSession, runtime: Runtime, ward: Ward) -> None:
    links = runtime.links
    for name, template, values in (
        ("confirm_email-consent", "confirm_email", {"consent": consents.email_wording()}),
        ("confirm_email-plain", "confirm_email", {"consent": ""}),
        ("already_joined-plain", "already_joined", {}),
    ):
        resident = await _resident(session, name, ward)
        purpose = template.partition("_")[0].replace("already", "preferences")
        url = links.url(purpose, purpose, resident.id, _address(name))
        await email.send_letter(session, resident, _address(name), template, {"url": url, **values}, links=links, now=NOW)
    report = {"reference": "SR-7K3M2", "category": "Fly-tipping"}
    hostile = {**report, "category": cases.HOSTILE, "status": "fixed", "note": HOSTILE_NOTE}
    notes = {"fixed": "Two mattresses taken away.\nThank you for telling us.", "closed": "This is private land.", "in_progress": ""}
    letters: list[tuple[str, str, dict[str, Any]]] = [
        *((f"issue_update-{status}", "issue_update", {**report, "status": status, "note": note}) for status, note in notes.items()),
        ("issue_update-hostile", "issue_update", hostile),
        ("issue_update-arabic", "issue_update", {**report, "status": "fixed", "note": ARABIC}),
    ]
    payloads = {name: {"template": template, "values": values} for name, template, values in letters}
    payloads["ask_ward-plain"] = asking.letter(links, 1, "digest", on=NOW.date())
    for name, payload in payloads.items():
        draft = enqueue.Draft(
            key=name, kind="letter", road=Road.EMAIL, lane=Lane.NOTICE, address=_address(name), payload=payload, due_at=NOW
        )
        await enqueue.enqueue(session, draft)


HOSTILE_NOTE = f"{cases.HOSTILE}\n.\n..\nFrom: mallory\n{cases.LONG_WORD * 5}"
