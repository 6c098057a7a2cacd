"""Doctor on DKIM: says what must stand in DNS, and what is wrong with the keys, without showing them."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from intouch import app
from intouch import settings as settings_module
from intouch.channels import dkim
from intouch.cli import doctor


def write(path: Path, key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey) -> str:
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return str(path)


async def finding(tmp_path: Path, keys: str) -> doctor.Finding:
    runtime = app.build_runtime(settings_module.load(data_dir=tmp_path, dkim_keys=keys, email_from="In Touch <news@council.example>"))
    try:
        return await doctor._check_signatures(runtime)
    finally:
        await runtime.sessions.close()


async def test_two_good_keys_are_well_and_their_records_are_told(tmp_path: Path) -> None:
    one = write(tmp_path / "rsa.pem", rsa.generate_private_key(65537, 2048))
    two = write(tmp_path / "ed.pem", ed25519.Ed25519PrivateKey.generate())
    found = await finding(tmp_path, f"one={one},two={two}")
    assert found.is_well
    assert 'one._domainkey.council.example TXT "v=DKIM1; k=rsa; p=' in found.found
    assert 'two._domainkey.council.example TXT "v=DKIM1; k=ed25519; p=' in found.found
    assert "PRIVATE" not in found.found


async def test_ed25519_alone_is_not_enough(tmp_path: Path) -> None:
    found = await finding(tmp_path, f"two={write(tmp_path / 'ed.pem', ed25519.Ed25519PrivateKey.generate())}")
    assert not found.is_well and "no RSA key" in found.found


async def test_a_short_rsa_key_is_told(tmp_path: Path) -> None:
    found = await finding(tmp_path, f"one={write(tmp_path / 'rsa.pem', rsa.generate_private_key(65537, 1024))}")
    assert not found.is_well and "1024 bits" in found.found and "2048" in found.advice


async def test_no_key_is_well_and_a_missing_file_says_so(tmp_path: Path) -> None:
    assert (await finding(tmp_path, "")).is_well
    with pytest.raises(dkim.BadKey, match="can't be read"):
        await finding(tmp_path, f"one={tmp_path}/none.pem")
