"""How many welcome bonuses people may fetch by themselves: a mailbox costs its owner nothing.

One bonus per address is no limit for whoever has a domain with as many addresses as they like.
"""

from datetime import datetime, timedelta
from ipaddress import IPv6Network, ip_network
from typing import Final

import msgspec
import structlog

from talktime.core.address import normal_address
from talktime.db.pool import Connection
from talktime.ops.guesses import GuessLimit, is_within
from talktime.ops.terms import Terms

log = structlog.get_logger("talktime.ops.welcomes")

DAY: Final = timedelta(days=1)
WELCOMES_OF_DOMAIN: Final = GuessLimit(
    kind="welcome_of_domain", most=5, window=DAY, refusal="today's bonuses of the domain are given"
)
WELCOMES_FROM_NETWORK: Final = GuessLimit(
    kind="welcome_from_network", most=10, window=DAY, refusal="today's of the network are given"
)

SHARED_DOMAINS: Final = frozenset(
    [
        "gmail.com",
        "outlook.com",
        "hotmail.com",
        "live.com",
        "msn.com",
        "yahoo.com",
        "icloud.com",
        "me.com",
        "mac.com",
        "aol.com",
        "proton.me",
        "protonmail.com",
        "pm.me",
        "fastmail.com",
        "gmx.com",
        "gmx.de",
        "gmx.net",
        "web.de",
        "t-online.de",
        "freenet.de",
        "orange.fr",
        "free.fr",
        "laposte.net",
        "libero.it",
        "yandex.ru",
        "mail.ru",
        "qq.com",
        "163.com",
        "126.com",
        "naver.com",
        "daum.net",
        "rediffmail.com",
        "comcast.net",
        "verizon.net",
        "btinternet.com",
        "yahoo.co.uk",
        "yahoo.co.jp",
        "yahoo.co.in",
        "hotmail.co.uk",
    ]
)
"""Mail providers whose customers have nothing to do with each other, and who themselves see to it
that nobody has mailboxes by the thousand."""


async def welcome_terms(
    connection: Connection, terms: Terms, *, address: str, client: str, now: datetime
) -> Terms:
    """The terms for an account that somebody verifies by a link: beyond what a day has, without a
    welcome bonus.

    It belongs in the transaction that verifies: what that rolls back is not counted.
    """
    if terms.welcome_nanos == 0:
        return terms
    domain = domain_of(address)
    limits = [(_of_everybody(terms), "")]
    if domain not in SHARED_DOMAINS:
        limits.append((WELCOMES_OF_DOMAIN, domain))
    limits.append((WELCOMES_FROM_NETWORK, network_of(client)))
    for limit, subject in limits:
        if not await is_within(connection, limit, subject, now=now):
            log.warning(
                "an account is opened without a welcome bonus",
                limit=limit.kind,
                most=limit.most,
                of=subject,
            )
            return msgspec.structs.replace(terms, welcome_nanos=0)
    return terms


def domain_of(address: str) -> str:
    """What somebody has to register to have addresses such as this: example.com, example.co.uk.

    Told by its form, without a list of all registries; where that errs, some neighbours share.
    """
    labels = normal_address(address).rpartition("@")[2].split(".")
    is_two_level = len(labels[-1]) == 2 and len(labels) > 2 and len(labels[-2]) <= 3
    return ".".join(labels[-3:] if is_two_level else labels[-2:])


def network_of(client: str) -> str:
    """The network of a client: of IPv6 the 48 bits that a site is given, otherwise the client."""
    try:
        network = ip_network(client)
    except ValueError:
        return client
    return str(network.supernet(new_prefix=48)) if isinstance(network, IPv6Network) else client


def _of_everybody(terms: Terms) -> GuessLimit:
    return GuessLimit(
        kind="welcome", most=terms.welcomes_per_day, window=DAY, refusal="today's are given"
    )
