"""SMTP words: what the words of a mail server blame for a refusal, where its code leaves that open. Pure."""

from __future__ import annotations

import re
from enum import StrEnum


class Blame(StrEnum):
    """Why an email was refused."""

    LATER = "later"  # the mailbox has no room, or its server could not be reached
    US = "us"  # who we are, or what we may do there: anybody's address would have been refused
    MESSAGE = "message"  # what is in it, how fast it comes, or the moment
    NOBODY = "nobody"  # there is no such mailbox


_ENOUGH = 4000  # characters; whoever writes more than that about a refusal says it at the beginning
_RELAYING = r"""\brelay(ing)?\W+(\w+\W+){0,2}(denied|not|prohibited|disallowed|rejected)\b
        |\b(to|not|no|cannot|can't|don't|won't)\srelay\b|\brelaying\s(e?mail\s)?to\s\S+\s(is\s)?(denied|not|prohibited)\b"""
# In this order: "mailbox unavailable: over quota" is a full one, and "sender address: user unknown" blames the sender.
_SAID = {
    Blame.LATER: r"""(?<!submission)(?<!submission\s)quota
        |\b(mail\s?box|inbox|account|(mail)?folder|disk|storage)\W+(\w+\W+){0,3}(full|exceed\w*)\b
        |\bfull\s(mail\s?box|inbox)\b
        |\binsufficient\s(\w+\s)?(storage|space)\b|\bno\sspace\sleft\b|\bmail\s?box\ssize\b
        |\btime(d\s|-)?out\b|\bnot\sresponding\b|\bunreachable\b|\bconnection\srefused\b
        |\bfailing\sfor\sa\slong\stime\b|\bretry\stime\snot\sreached\b""",
    Blame.US: _RELAYING
    + r"""
        |rcpthosts|\bauth(enticat\w+|oriz\w+)?\b|\bstarttls\b|\bsender\W+(\w+\W+){0,2}(verif\w+|reject\w*|denied|invalid|unknown|not)\b
        |\bverification\sfailed\sfor\b|\bclient\s(host|address|was)\b|\b(dns|rb|dnsb)l\b|spamhaus|\b(block|black|deny)\W?list|\breputation\b
        |\badministrative(ly)?\s(prohibit|deni|reject)\w+|\bhelo\b|\breverse\s(dns|lookup)\b|\bptr\b
        |\b(sur|uri)bl\b|\blisted\s(at|by)\b|\byour\s(ip|host|mail\s?server|server|domain|network)\b
        |\baccess\sdenied\b|\bunauthori[sz]ed\b|\bnot\spermitted\b|\binvalid\ssender\b|\bfrom\saddress\b|\byour\s(\w+\s)?account\b
        |\b(spf|dkim|dmarc|tls|encryption)\b|\b(service|system|server|backend|database)\W+(\w+\W+){0,2}(not|un\w+|down|busy|error|fail\w*)\b
        |\bmaintenance\b|\b(internal|local|configuration|protocol)\s(\w+\s)?error\b|\bldap\b|\bcallout\b|\baccount\W+(is\s)?suspended\b
        |\b(domain|host|ip)\W+(is\s)?not\s(verified|allowed|accepted|authori[sz]ed)\b|\bnot\saccept\w*\s(e?mail|messages?)\sfrom\b
        |\bmail\sfrom\s(\S+\s){0,3}(refused|rejected|denied|not\sallowed)\b|\baddress\s(is\s)?not\sverified\b
        |\bnot\sallowed\sto\s(send|submit)\b|\bsending\s(is\s)?(suspended|paused|disabled)\b|submission\s?quota
        |\b(sending|daily|hourly)\s(\w+\s)?limit|\blimit\s(\w+\s)?(exceeded|reached)\b|\bexceeded\s(\w+\s){0,4}(limit|number|messages)\b""",
    Blame.MESSAGE: r"""\bspam\b|\bjunk|\bpolicy\b|\bvirus|\bcontent\b|\bblocked\b|\bgr[ae]y\W?list|\brate\b|\btoo\s(many|much|fast)\b
        |\btry\s(again|later)\b|\btemporar|transient|\battachment|\bloop
        |\b(e?mail|message|command|transaction)\W+(\w+\W+){0,4}(rejected|refused|denied|failed)\b|\b(e?mail|message)\slater\b""",
    Blame.NOBODY: r"""\b(user|mail\s?box|recipient|addressee|address|account)\b[\s:"'.]{0,3}([^\s]{1,80}\s){0,3}
        (unknown|not\slocal|not\sfound|not\sexist|doesn't\sexist|unavailable|invalid|disabled|inactive)\b
        |\b(unknown|invalid|no\ssuch)\s(local\s)?(user|mail\s?box|recipient|address|account|person)\b|\bno\smail\s?box\b
        |\b(doesn't|does\snot)\shave\san?\s(\S{1,80}\s)?account\b""",
}
_PATTERNS = {blame: re.compile(pattern, re.IGNORECASE | re.VERBOSE) for blame, pattern in _SAID.items()}
_OF_RELAYING = re.compile(_RELAYING, re.IGNORECASE | re.VERBOSE)


def is_of_relaying(words: str) -> bool:
    """Whether the words say that we may not send to others there."""
    return _OF_RELAYING.search(words[:_ENOUGH]) is not None


def blame(words: str) -> Blame | None:
    """What the words blame; None where they do not say."""
    return next((one for one, pattern in _PATTERNS.items() if pattern.search(words[:_ENOUGH])), None)
