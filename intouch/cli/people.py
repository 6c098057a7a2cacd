"""People: adding and removing officers, and the one-time codes with which officers and councillors link their Telegram."""

from __future__ import annotations

from typing import Annotated

import typer

from intouch.cli.running import with_runtime
from intouch.cli.saying import AsJson, Done, Yes, make_sure, say, say_json
from intouch.council import linking, people
from intouch.runtime import Runtime
from intouch.surveys import officers

officer_app = typer.Typer(no_args_is_help=True)
councillor_app = typer.Typer(no_args_is_help=True)


@officer_app.command("add")
def add_officer(
    name: Annotated[str, typer.Argument(help="Full name.")],
    email: Annotated[str, typer.Option(help="Work email address.")],
    as_json: AsJson = False,
) -> None:
    """Add an engagement officer and get the one-time code that links their Telegram.

    Example: intouch officer add "Olive Officer" --email olive@council.example
    """

    async def work(runtime: Runtime) -> tuple[str, str]:
        async with runtime.sessions.write() as session:
            officer = await people.add_officer(session, name=name, email=email, now=runtime.now())
            return officer.name, await linking.issue_code(session, officer_id=officer.id, now=runtime.now())

    _tell_code(*with_runtime(work), as_json=as_json)


@officer_app.command("link")
def link_officer(
    email: Annotated[str, typer.Argument(help="The officer's email address.")],
    as_json: AsJson = False,
) -> None:
    """Get a new one-time code for an officer: a new phone, or the first code ran out.

    Example: intouch officer link olive@council.example
    """

    async def work(runtime: Runtime) -> tuple[str, str]:
        async with runtime.sessions.write() as session:
            officer = await people.find_officer(session, email)
            return officer.name, await linking.issue_code(session, officer_id=officer.id, now=runtime.now())

    _tell_code(*with_runtime(work), as_json=as_json)


@officer_app.command("remove")
def remove_officer(
    email: Annotated[str, typer.Argument(help="The officer's email address.")], yes: Yes = False, as_json: AsJson = False
) -> None:
    """Take away an officer's rights at once, and forget who they were. The surveys that they launched stay.

    Example: intouch officer remove olive@council.example
    """

    async def find(runtime: Runtime) -> str:
        async with runtime.sessions.read() as session:
            return (await people.find_officer(session, email)).name

    async def work(runtime: Runtime) -> int:
        async with runtime.sessions.write() as session:
            officer = await people.find_officer(session, email)
            await officers.remove(session, officer)
            return officer.id

    name = with_runtime(find)
    make_sure(f"Take away {name}'s rights as an officer?", is_sure=yes)
    gone = with_runtime(work)
    sentence = f"{name} is no officer any more. The surveys that they launched stay."
    Done(sentence, {"id": gone, "name": name, "removed": True}).tell(as_json=as_json)


@officer_app.command("list")
def list_officers(as_json: AsJson = False) -> None:
    """List the officers.

    Example: intouch officer list
    """

    async def work(runtime: Runtime) -> list[dict[str, object]]:
        async with runtime.sessions.read() as session:
            found = await people.officers(session)
            return [{"id": o.id, "name": o.name, "email": o.email, "is_linked": o.telegram_id is not None} for o in found]

    rows = with_runtime(work)
    _tell(rows, "There are no officers yet. Add one with `intouch officer add`.", as_json=as_json)


@councillor_app.command("link")
def link_councillor(
    name_or_id: Annotated[str, typer.Argument(help="The councillor's name, or the id that the list shows.")],
    ward: Annotated[str, typer.Option(help="Code or name of the ward, where two councillors have one name.")] = "",
    as_json: AsJson = False,
) -> None:
    """Get the one-time code with which a councillor links their Telegram.

    Example: intouch councillor link "Carl Councillor" --ward E05016391
    """

    async def work(runtime: Runtime) -> tuple[str, str]:
        async with runtime.sessions.write() as session:
            councillor = await people.find_councillor(session, name_or_id, ward_code=ward)
            return councillor.name, await linking.issue_code(session, councillor_id=councillor.id, now=runtime.now())

    _tell_code(*with_runtime(work), as_json=as_json)


@councillor_app.command("unlink")
def unlink_councillor(
    name_or_id: Annotated[str, typer.Argument(help="The councillor's name, or the id that the list shows.")],
    ward: Annotated[str, typer.Option(help="Code or name of the ward, where two councillors have one name.")] = "",
    as_json: AsJson = False,
) -> None:
    """Take away the link to a councillor's Telegram; the briefing goes on coming by email.

    Example: intouch councillor unlink "Carl Councillor"
    """

    async def work(runtime: Runtime) -> tuple[int, str]:
        async with runtime.sessions.write() as session:
            councillor = await people.find_councillor(session, name_or_id, ward_code=ward)
            await linking.unlink(session, councillor, now=runtime.now())
            return councillor.id, councillor.name

    councillor_id, name = with_runtime(work)
    Done(f"{name}'s Telegram is not linked any more.", {"id": councillor_id, "name": name, "is_linked": False}).tell(as_json=as_json)


@councillor_app.command("list")
def list_councillors(
    everybody: Annotated[bool, typer.Option("--all", help="Those who left office too.")] = False, as_json: AsJson = False
) -> None:
    """List the councillors with their wards.

    Example: intouch councillor list
    """

    async def work(runtime: Runtime) -> list[dict[str, object]]:
        async with runtime.sessions.read() as session:
            return [
                {
                    "id": councillor.id,
                    "name": councillor.name,
                    "ward": f"{ward.name} ({ward.code})",
                    "email": councillor.email,
                    "is_linked": councillor.telegram_id is not None,
                    "is_active": councillor.is_active,
                }
                for councillor, ward in await people.councillors(session)
                if councillor.is_active or everybody
            ]

    rows = with_runtime(work)
    _tell(rows, "There are no councillors yet. Import them with `intouch import councillors`.", as_json=as_json)


def _tell_code(name: str, code: str, *, as_json: bool) -> None:
    if as_json:
        say_json({"name": name, "code": code, "days": linking.GOOD_FOR.days})
        return
    say(f"The one-time code for {name}:\n\n    {code}\n")
    say(f"Ask {name} to open the bot in Telegram and send it this code. It works once, within {linking.GOOD_FOR.days} days.")
    say("Only its hash is kept, so it can't be shown again; a new one can be made at any time.")


def _tell(rows: list[dict[str, object]], nobody: str, *, as_json: bool) -> None:
    if as_json:
        say_json(rows)
    elif not rows:
        say(nobody)
    else:
        say("\n".join(map(_line, rows)))


def _line(row: dict[str, object]) -> str:
    linked = "linked" if row["is_linked"] else "not linked"
    state = "" if row.get("is_active", True) else ", left office"
    words = [row[column] for column in ("name", "ward", "email") if column in row]
    return "  ".join([f"{row['id']:>5}", *map(str, words), linked + state])
