"""`make setup` on a machine that is not ready for it: what is missing is said, and nothing half made is left behind."""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def make(folder: Path, python: str) -> subprocess.CompletedProcess[str]:
    """`make setup` in a checkout, with a Python that is this script."""
    for name in ("Makefile", "requirements-dev.txt", "requirements.txt", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    script = folder / "python"
    script.write_text(f"#!/bin/sh\n{python}\n")
    script.chmod(0o755)
    return subprocess.run(["make", "setup", f"PYTHON={script}"], cwd=folder, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("release", ["(2, 7, 18)", "(3, 10, 12)"])
def test_an_old_python_is_named_and_a_newer_one_asked_for(tmp_path: Path, release: str) -> None:
    old = f"import sys; sys.version_info = {release}; exec(sys.argv[1])"
    done = make(tmp_path, f'[ "$1" = -c ] && exec {shlex.quote(sys.executable)} -c "{old}" "$2"; echo "made an old one"')
    assert done.returncode != 0 and "needs Python 3.11 or newer, and this is" in done.stderr
    assert "made an old one" not in done.stdout and not (tmp_path / ".venv").exists()


def test_an_environment_that_was_never_finished_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").symlink_to(shutil.which("false") or "/bin/false")
    done = make(tmp_path, '[ "$1" = -c ] && exit 0; echo "asked for: $@"; exit 1')
    assert "asked for: -m venv --clear .venv" in done.stdout and done.returncode != 0
