"""What a DKIM signature costs beside composing the message: ``python -m benchmarks.dkim [SECONDS]``; a quarter of a minute by default."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import dkim as dkimpy  # type: ignore[import-untyped]
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from benchmarks.delivery import compose
from intouch.channels import dkim

DOMAIN = "council.example"


def measure(what: str, work: Callable[[], object], seconds: float) -> float:
    """The median CPU time of a call in microseconds, all threads together, over rounds of about a twentieth of the time each."""
    rounds: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        began, used, calls = time.perf_counter(), time.process_time(), 0
        while time.perf_counter() < began + seconds / 20:
            work()
            calls += 1
        rounds.append((time.process_time() - used) / calls)
    median = statistics.median(rounds) * 1e6
    print(f"{what:48} {median:10,.0f} µs of CPU {1e6 / median:10,.0f} /s")
    return median


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 15.0
    message = compose(1)
    private = rsa.generate_private_key(65537, 2048)
    keys = (dkim.of("one", private), dkim.of("two", ed25519.Ed25519PrivateKey.generate()))
    signers = {
        "no key: headers and body hash alone": dkim.Signer(DOMAIN, ()),
        "Ed25519": dkim.Signer(DOMAIN, keys[1:]),
        "RSA 2048": dkim.Signer(DOMAIN, keys[:1]),
        "RSA 2048 and Ed25519": dkim.Signer(DOMAIN, keys),
        "RSA 4096": dkim.Signer(DOMAIN, [dkim.of("big", rsa.generate_private_key(65537, 4096))]),
    }
    share = seconds / (len(signers) + 4)
    print(f"a message of {len(message) / 1000:.0f} KB")
    measure("composing it whole", lambda: compose(1), share)
    for name, signer in signers.items():
        measure(name, lambda signer=signer: signer.sign(message), share)  # type: ignore[misc]
    pem = private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
    measure("RSA 2048 by dkimpy", lambda: dkimpy.sign(message, b"one", DOMAIN.encode(), pem), share)
    both = signers["RSA 2048 and Ed25519"]
    with ThreadPoolExecutor(2) as pool:
        total = measure("both keys, 40 messages on two threads", lambda: list(pool.map(both.sign, [message] * 40)), share * 2)
    print(f"{'':48} {total / 40:10,.0f} µs of CPU a message")


if __name__ == "__main__":
    main()
