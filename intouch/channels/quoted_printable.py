"""Quoted-printable: text in lines of at most 76 characters (RFC 2045), none of which begins with a dot or with "From ". Pure."""

from __future__ import annotations

import binascii
import re

# Servers strip a dot at the start of a line unless it is doubled (RFC 5321 section 4.5.2); one that is not there can't go wrong.
# Those that keep mailboxes as mbox write ">From " for "From " (RFC 2049 section 3): readers see it, and signatures break.
_RISKY = re.compile(rb"(?m)^(?:\.|From )[^\r\n]*")
_RISKY_STARTS = (".", "From ")
_TOO_LONG = re.compile(rb"(?m)^[^\r\n]{77,}")
_ESCAPED = {b".": b"=2E", b"F": b"=46"}  # where a line begins
_UNIT = re.compile(rb"=[0-9A-F]{2}|[^=]", re.DOTALL)
_SOFT_BREAK = b"=\r\n"
_LONGEST_LINE = 76
_UNBROKEN = _LONGEST_LINE - 1  # characters of a line that ends with a soft break
_UNITS_OF_A_LINE = 70  # 76 less the soft break and what grew by two where the line begins


def whole(text: str) -> bytes:
    """``text`` with whatever line breaks it came with; ends with CRLF."""
    lines = _with_one_kind_of_break(text)
    ended = lines if lines.endswith("\n") else lines + "\n"
    # b2a_qp keeps the kind of line break it meets first, hence CRLF before and not after.
    encoded = binascii.b2a_qp(ended.replace("\n", "\r\n").encode("utf-8", "replace"), istext=True)
    if b"=20\r\n" in encoded or b"=09\r\n" in encoded:
        # b2a_qp makes three characters of the space at the end of a line without looking whether there is room for them.
        encoded = _TOO_LONG.sub(lambda found: _rewrapped(found[0]), encoded)
    return _without_risky_starts(encoded)


def _with_one_kind_of_break(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def up_to_a_place(text: str) -> bytes:
    """Text that begins a line and is followed by something personal: a soft line break, which no reader sees, keeps them apart."""
    return _softly_ended(whole(_with_one_kind_of_break(text) + "\n")[:-2]) if text else b""


def value(words: str) -> bytes:
    """One line of personal words on lines of their own, between soft line breaks, so that nothing round it has to move."""
    if not words:
        return b""
    if (
        len(words) <= 2 * _UNBROKEN
        and words.isascii()
        and words.isprintable()
        and "=" not in words
        and not words.startswith(_RISKY_STARTS)
        and words[-1] != " "
    ):
        # A link, or most names: as it is, broken at most once.
        if len(words) <= _UNBROKEN:
            return words.encode() + _SOFT_BREAK
        if not words.startswith(_RISKY_STARTS, _UNBROKEN):
            return f"{words[:_UNBROKEN]}=\r\n{words[_UNBROKEN:]}=\r\n".encode()
    encoded = binascii.b2a_qp(words.encode("utf-8", "replace"), istext=True)
    if b"\n" in encoded:
        encoded = encoded.replace(b"\n", b"\r\n")
    return _softly_ended(_without_risky_starts(encoded))


def token(letters: bytes) -> bytes:
    """As ``value``, for letters, digits, ``-``, ``_`` and ``.``, of which the first is no dot."""
    return letters + _SOFT_BREAK if len(letters) <= _UNBROKEN else value(letters.decode())


def _softly_ended(encoded: bytes) -> bytes:
    before, line_break, last = encoded.rpartition(b"\r\n")
    if len(last) < _LONGEST_LINE:
        return encoded + _SOFT_BREAK
    return before + line_break + _rewrapped(last) + _SOFT_BREAK


def _without_risky_starts(encoded: bytes) -> bytes:
    if b"\n." not in encoded and b"\nFrom " not in encoded and not encoded.startswith((b".", b"From ")):
        return encoded
    return _RISKY.sub(lambda found: _rewrapped(found[0]), encoded)


def _rewrapped(line: bytes) -> bytes:
    goes_on = line.endswith(b"=")
    units: list[bytes] = _UNIT.findall(line[:-1] if goes_on else line)
    lines, current = [], b""
    for unit in units:
        if len(current) + len(unit) > _UNITS_OF_A_LINE:
            lines.append(current)
            current = b""
        current += _ESCAPED.get(unit, unit) if not current else unit
    return _SOFT_BREAK.join([*lines, current]) + (b"=" if goes_on else b"")
