"""The platform's terms: what the operator has set for everybody."""

import msgspec


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """Settings that acts on money depend on."""

    floor_nanos: int = 100_000_000
    """New calls need at least this much that can be started with."""
    margin_ppm: int = 300_000
    """Added to provider cost, in parts per million, unless the account has a margin of its own."""
    lease_ms: int = 60_000
    """A live call not heard from for this long is silent."""
    grace_ms: int = 900_000
    """A live call not heard from for this long is ended by the watchdog."""
    welcome_nanos: int = 500_000_000
    """The promo credit of a verified sign-up."""
    welcomes_per_day: int = 200
    """Welcome bonuses that people may fetch by themselves, all together."""
    webhooks_private: bool = False
    """Webhooks may go to private addresses and over plain http, as in development."""
