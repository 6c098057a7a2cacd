"""Ward names: which ward somebody means who types a name instead of a postcode."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Sequence

from intouch.bot import questions, ward_lists
from intouch.bot.turn import Reply, Turn
from intouch.errors import BadInput
from intouch.places import lookup
from intouch.places.models import Ward
from intouch.residents import wards

# What people write around a name, and what is written in a name or left out.
_AROUND = {"i", "live", "in", "at", "my", "ward", "is", "the", "of", "and", "it", "s"}
_SHORTEST = 3
_LONGEST = 100
_ALIKE = 0.8
_MOST = 8


async def understand(turn: Turn, *, council: str) -> Ward | Reply:
    """The ward of a postcode or a name as typed, now the resident's; or which one it may be, as a question."""
    on = questions.today(turn)
    try:
        return await wards.by_postcode(turn.session, turn.known(), turn.text, on=on, council=council)
    except BadInput:
        return await _by_name(turn)


async def _by_name(turn: Turn) -> Ward | Reply:
    on = questions.today(turn)
    there = await lookup.wards(turn.session, on=on)
    found = named(turn.text, there)
    if len(found) == 1:
        return await wards.choose(turn.session, turn.known(), found[0].id, on=on)
    area = next((one for one in await lookup.areas(turn.session, on=on) if _key(one.name) == _key(turn.text)), None)
    if area is not None and not found:
        return await ward_lists.wards(turn, area.id)
    candidates = found or perhaps(turn.text, there)
    if not candidates:
        raise BadInput("We don't know a ward or a postcode like that. A postcode looks like this: SR1 1AE.")
    return turn.say("signup/which_ward", wards=candidates)


def named(text: str, among: Sequence[Ward]) -> list[Ward]:
    """The wards of exactly this name, but for case, spaces, hyphens and the words around it."""
    wanted = _key(text)
    return [ward for ward in among if wanted and _key(ward.name) == wanted]


def perhaps(text: str, among: Sequence[Ward]) -> list[Ward]:
    """The wards that may be meant: named in a sentence, named in part, or spelled nearly so."""
    wanted, words = _key(text), _words(text)
    if not _SHORTEST <= len(wanted) <= _LONGEST:
        return []
    in_part = [ward for ward in among if wanted in _key(ward.name) or _stands_in(words, _words(ward.name))]
    if in_part:
        return in_part[:_MOST]
    near = difflib.get_close_matches(wanted, [_key(ward.name) for ward in among], n=3, cutoff=_ALIKE)
    return [ward for ward in among if _key(ward.name) in near]


def _stands_in(words: list[str], name: list[str]) -> bool:
    return any(words[start : start + len(name)] == name for start in range(len(words) - len(name) + 1))


def _key(text: str) -> str:
    return "".join(_words(text))


def _words(text: str) -> list[str]:
    """The words that make up a name, without case, accents and signs."""
    plain = unicodedata.normalize("NFKD", text[: _LONGEST * 3]).casefold().replace("'", "").replace("’", "")
    words = re.findall(r"\w+", "".join(letter for letter in plain if not unicodedata.combining(letter)).replace("_", " "))
    return ["st" if word == "saint" else word for word in words if word not in _AROUND]
