"""Signing key: made once and whole, whatever happens meanwhile, and never empty."""

from __future__ import annotations

import resource
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from intouch import settings
from intouch.errors import InTouchError

MAKE = "import sys; from pathlib import Path; from intouch import signing_key; print(signing_key.read_or_make(Path(sys.argv[1])).decode())"


def test_it_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    chosen = settings.load(data_dir=tmp_path / "data")
    assert len(chosen.signing_key()) == 64 and chosen.signing_key() == chosen.signing_key()
    assert stat.S_IMODE((tmp_path / "data" / "secret_key").stat().st_mode) == 0o600
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["secret_key"]


@pytest.mark.parametrize("content", [b"", b"short", b" \n" * 40])
def test_what_is_no_whole_key_is_refused_with_what_to_do(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "secret_key").write_bytes(content)
    with pytest.raises(InTouchError, match="holds no whole key"):
        settings.load(data_dir=tmp_path).signing_key()
    assert (tmp_path / "secret_key").read_bytes() == content


def test_a_disk_without_room_leaves_no_empty_key(tmp_path: Path) -> None:
    folder = tmp_path / "data"

    def no_room() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))

    failed = subprocess.run([sys.executable, "-c", MAKE, str(folder)], stderr=subprocess.DEVNULL, check=False, preexec_fn=no_room)
    assert failed.returncode != 0 and list(folder.iterdir()) == []
    made = subprocess.run([sys.executable, "-c", MAKE, str(folder)], capture_output=True, check=True).stdout
    assert len(made.strip()) == 64


def test_processes_that_start_at_once_use_the_same_key(tmp_path: Path) -> None:
    starting = [subprocess.Popen([sys.executable, "-c", MAKE, str(tmp_path)], stdout=subprocess.PIPE) for _ in range(4)]
    assert len({process.communicate()[0] for process in starting}) == 1
