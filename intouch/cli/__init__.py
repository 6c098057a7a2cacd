"""The commands: every one of them, composed in one place."""

from __future__ import annotations

import gc

from intouch import allocator

allocator.be_frugal()
# Modules stay for good: looking for garbage among them while they load took a quarter of every start.
gc.disable()

import typer

from intouch import __version__
from intouch.cli import delivery, digest, doctor, imports, issues, people, residents, run, sending, surveys
from intouch.digest.models import Audience

gc.freeze()
gc.set_threshold(50_000, 20, 20)  # a batch of deliveries is not garbage: looking after every 700 objects cost a sender a tenth of its pace
gc.enable()

app = typer.Typer(
    help="In Touch: a council's two-way line to its residents.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.command("run")(run.run)
app.command("demo")(run.demo)
app.command("doctor")(doctor.doctor)
app.add_typer(run.database, name="db", help="The database and its migrations.")
app.add_typer(imports.app, name="import", help="Wards, postcodes, councillors, notices and teams from files.")
app.add_typer(people.officer_app, name="officer", help="Engagement officers.")
app.add_typer(people.councillor_app, name="councillor", help="Ward councillors.")
app.add_typer(surveys.app, name="survey", help="Pulse surveys.")
app.add_typer(issues.app, name="issue", help="Issue reports.")
sending.add(digest.digest_app, Audience.DIGEST)
sending.add(digest.briefing_app, Audience.BRIEFING)
app.add_typer(digest.digest_app, name="digest", help="The residents' weekly digest.")
app.add_typer(digest.briefing_app, name="briefing", help="The councillors' weekly briefing.")
app.add_typer(delivery.app, name="delivery", help="What is in the outbox: who did not get it, sending again, stopping.")
app.add_typer(residents.app, name="resident", help="What is held about a resident: export and erasure.")


def _version(value: bool) -> None:
    if value:
        typer.echo(f"intouch {__version__}")
        raise typer.Exit


@app.callback()
def main(version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Show the version.")) -> None:
    """In Touch: a council's two-way line to its residents."""
