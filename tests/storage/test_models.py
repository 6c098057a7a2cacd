"""Models: each room's tables bring those that they refer to, whoever loads them and in whatever order."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import intouch

_ALONE = """
import importlib, sys
importlib.import_module(sys.argv[1])
from intouch.storage.columns import Base
from sqlalchemy.orm import configure_mappers
configure_mappers()
for table in Base.metadata.tables.values():
    for key in table.foreign_keys:
        key.column
"""
ROOMS = sorted(path.parent.name for path in Path(intouch.__file__).parent.glob("*/models.py"))


@pytest.mark.parametrize("room", ROOMS)
def test_a_rooms_tables_find_all_that_they_refer_to(room: str) -> None:
    done = subprocess.run([sys.executable, "-c", _ALONE, f"intouch.{room}.models"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
