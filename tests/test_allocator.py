"""What was needed once does not stay with us."""

from __future__ import annotations

import subprocess
import sys

import pytest

CODE = """
import sys
from intouch import allocator

def resident_mb():
    return int(open("/proc/self/statm").read().split()[1]) * 4096 / 1e6

if sys.argv[1] == "frugal":
    allocator.be_frugal()
before = resident_mb()
bytes(25_000_000)  # a photo; by default whatever is smaller is kept from here on
pieces = [bytearray(b"x" * 1_000_000) for _ in range(30)]
del pieces
print(resident_mb() - before)
"""


def left_over(how: str) -> float:
    return float(subprocess.run([sys.executable, "-c", CODE, how], capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="asks the kernel how much memory is ours")
def test_what_is_freed_goes_back_to_the_system() -> None:
    assert left_over("frugal") < 3 < left_over("as usual")
