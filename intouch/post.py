"""Post: email as this process has it: by a mail server or GOV.UK Notify, signed or not, its rate divided with all who send."""

from __future__ import annotations

from intouch.channels.email_rate import EmailRate
from intouch.channels.outcomes import Channel
from intouch.channels.signing import SigningChannel
from intouch.channels.smtp import SmtpChannel
from intouch.loading import load
from intouch.outbox.presence import Presence
from intouch.outbox.sharing import SharedPace
from intouch.runtime import Runtime
from intouch.settings import Settings
from intouch.smtp_address import SmtpAddress


def per_second(settings: Settings) -> float:
    """How many emails a second all senders together may send; 0 where the mail server's URL names no rate, or none is used."""
    url = "" if settings.notify_api_key.get_secret_value() else settings.smtp_url.get_secret_value()
    return SmtpAddress(url).per_second if url else 0.0


class Post:
    """The channel by which email leaves, if the settings name one, and the rate of its mail server."""

    def __init__(self, settings: Settings) -> None:
        self.channel: Channel | None = None
        self._rate = EmailRate(0)
        if notify_key := settings.notify_api_key.get_secret_value():
            account = load("intouch.channels.notify:NotifyAccount")(notify_key, settings.notify_template_id, settings.notify_url)
            self.channel = load("intouch.channels.notify:NotifyChannel")(account)
        elif smtp_url := settings.smtp_url.get_secret_value():
            self.channel = self._by_smtp(settings, SmtpAddress(smtp_url))

    def _by_smtp(self, settings: Settings, address: SmtpAddress) -> Channel:
        self._rate = EmailRate(address.per_second)
        smtp = SmtpChannel(address, email_from=settings.email_from, rate=self._rate)
        signer = load("intouch.channels.dkim:signer")(settings) if settings.dkim_keys else None
        return SigningChannel(smtp, signer.sign) if signer else smtp

    async def share_rate(self, runtime: Runtime, presence: Presence) -> None:
        """Divide the rate with the other senders, for good; where the URL names none there is nothing to divide."""
        if self._rate.per_second:
            name, has_ended = presence.name, presence.has_ended
            await SharedPace(runtime.sessions, runtime.clock, self._rate, of="email", holder=name, has_ended=has_ended).run()
