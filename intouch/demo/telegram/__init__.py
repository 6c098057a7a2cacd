"""A simulated Telegram: the Bot API over HTTP, with people to act as, for the demo and for the tests."""

from intouch.demo.telegram.server import SimulatedTelegram, simulated_telegram

__all__ = ["SimulatedTelegram", "simulated_telegram"]
