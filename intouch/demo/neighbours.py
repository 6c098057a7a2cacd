"""Neighbours: the invented residents answer surveys by themselves, over the wire like everybody else."""

from __future__ import annotations

import asyncio
import random

from intouch.demo import invented
from intouch.demo.telegram import SimulatedTelegram
from intouch.demo.telegram.person import Person
from intouch.demo.telegram.world import Message

_SHARE_WHO_ANSWER = 0.5
_PAUSE = 0.12  # seconds between two taps, all neighbours together
_MOST_TAPS = 6  # of one neighbour on one message


class Neighbours:
    """Taps a button, by chance, under what the bot asks the invented residents; half of them never answer."""

    def __init__(self, telegram: SimulatedTelegram) -> None:
        self._telegram = telegram
        self._chance = random.Random(invented.SEED + 4)
        self._seen: dict[tuple[int, int], int] = {}
        self._taps: dict[tuple[int, int], int] = {}
        people = [one for one in invented.residents() if one.telegram_id]
        self._people = [telegram.person(one.telegram_id, one.first_name, has_started=True) for one in people]
        self._answering = [person for person in self._people if self._chance.random() < _SHARE_WHO_ANSWER]

    async def run(self) -> None:
        """Answer until cancelled."""
        while True:
            asked = [(person, message) for person in self._answering if (message := self._unanswered(person))]
            for person, message in asked:
                self._tap(person, message)
                await asyncio.sleep(_PAUSE)
            if not asked:
                await self._telegram.world.changed()
                await asyncio.sleep(0.5)

    def _unanswered(self, person: Person) -> Message | None:
        """The newest message with a survey's buttons that came or changed since this neighbour last tapped."""
        message = person.messages[-1] if person.messages else None
        if message is None or not self._choices(message):
            return None
        key = (person.id, message.message_id)
        is_new = self._seen.get(key, -1) < message.revision and self._taps.get(key, 0) < _MOST_TAPS
        return message if is_new else None

    def _tap(self, person: Person, message: Message) -> None:
        key = (person.id, message.message_id)
        self._seen[key] = message.revision
        self._taps[key] = self._taps.get(key, 0) + 1
        person.starts_tap(self._chance.choice(self._choices(message)), message=message)

    def _choices(self, message: Message) -> list[str]:
        """The callback data of a survey's buttons."""
        data = (str(button.get("callback_data", "")) for button in message.inline_buttons())
        return [one for one in data if one.startswith("survey:")]
