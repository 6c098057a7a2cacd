"""Runs the commands: ``python -m intouch.cli``."""

from intouch.cli import app

app()
