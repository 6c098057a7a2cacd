"""Cast: the people one can play in the demo, the same as in the tests."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Member:
    """Somebody to play. ``telegram_id`` 0: they have no Telegram. ``about`` says what they are good for trying."""

    name: str
    telegram_id: int
    role: str
    ward: str
    email: str
    about: str
    first_words: str

    @property
    def key(self) -> str:
        return self.name.lower()


NADIA = Member(
    "Nadia",
    1004,
    "new here",
    "",
    "nadia@residents.example",
    "Nadia starts out as a stranger. Press Start and sign up with her.",
    "Try the postcode SR5 5CK (Southwick), or tap a tile on the map.",
)
ALICE = Member(
    "Alice",
    1001,
    "resident",
    "Southwick",
    "alice@residents.example",
    "Alice lives in Southwick and gets surveys here and the digest by email.",
    "Answer the survey, or report something with /report.",
)
BOB = Member(
    "Bob",
    1002,
    "resident",
    "Fulwell",
    "bob@residents.example",
    "Bob lives in Fulwell. He uses Telegram only.",
    "Try /myreports: his pothole is being looked at.",
)
GRACE = Member("Grace", 0, "email only", "Roker", "grace@residents.example", "Grace has no Telegram: everything reaches her by email.", "")
CARL = Member(
    "Carl",
    2001,
    "councillor",
    "Southwick",
    "carl@councillors.example",
    "Carl is a councillor for Southwick.",
    "Send /brief for this week's briefing.",
)
OLIVE = Member(
    "Olive",
    3001,
    "officer",
    "",
    "olive@council.example",
    "Olive is an engagement officer of the council.",
    "Ask the city something with /launch, or read /results.",
)

CAST = (NADIA, ALICE, BOB, GRACE, CARL, OLIVE)
WITH_A_PHONE = tuple(member for member in CAST if member.telegram_id)


def member(key: str) -> Member | None:
    """The member of the cast with this key."""
    return next((one for one in CAST if one.key == key), None)
