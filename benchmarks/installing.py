"""Installing: peers as their registries have them, put into a temporary folder that nobody commits."""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = Path(tempfile.gettempdir()) / "intouch-peers"


def npm(*packages: str, folder: Path = FOLDER) -> dict[str, str]:
    """Make sure of packages for Node; their versions."""
    missing = [name for name in packages if not (folder / "node_modules" / name / "package.json").exists()]
    if missing:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").touch()
        (folder / "package.json").write_text((folder / "package.json").read_text() or '{"private": true}')
        _run(["npm", "install", "--silent", "--no-audit", "--no-fund", *missing], folder)
    versions = {name: json.loads((folder / "node_modules" / name / "package.json").read_text())["version"] for name in packages}
    return {"node": said("node", "--version").removeprefix("v"), **versions}


def pip(*packages: str, folder: Path = FOLDER) -> dict[str, str]:
    """Make sure of packages for Python, in an environment of their own; their versions."""
    python = folder / "venv" / "bin" / "python"
    if not python.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _run([sys.executable, "-m", "venv", "venv"], folder)
    names = [package.partition("[")[0] for package in packages]
    if set(names) - set(_versions(folder)):
        _run([str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages], folder)
    return {name: _versions(folder)[name] for name in names}


def _versions(folder: Path) -> dict[str, str]:
    found = importlib.metadata.distributions(path=[str(path) for path in folder.glob("venv/lib/*/site-packages")])
    return {one.metadata["Name"].lower(): one.version for one in found}


def _run(command: list[str], folder: Path) -> None:
    """A step of installing; where it fails, its last words and what that means, instead of a traceback."""
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise SystemExit(f"{command[0]} is not installed here, so the peers can't be measured. Install it first.") from None
    if done.returncode:
        last = "\n".join((done.stdout + done.stderr).splitlines()[-5:])
        raise SystemExit(f"The peers could not be installed, so nothing was measured. `{' '.join(command)}` said:\n{last}")


def said(*command: str) -> str:
    """What a program prints; nothing where it is not there."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
    except FileNotFoundError:
        return ""
