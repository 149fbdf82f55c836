"""What every process of an installation agrees on: its terms, and where its pages are."""

import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Final

import msgspec
import structlog

from talktime.config import Settings
from talktime.ops.platform import Payments, Platform
from talktime.ops.terms import Terms
from talktime.reach import check_loopback_only

log = structlog.get_logger("talktime.installation")

DEFAULT_PORT: Final = 8420


def terms_of(settings: Settings) -> Terms:
    """What acts on money need to know of the settings."""
    return Terms(
        floor_nanos=settings.floor_nanos,
        margin_ppm=settings.margin_ppm,
        lease_ms=settings.lease_seconds * 1000,
        grace_ms=settings.grace_seconds * 1000,
        welcome_nanos=settings.welcome_bonus_nanos,
        welcomes_per_day=settings.welcomes_per_day,
        webhooks_private=settings.webhooks_private,
    )


@contextlib.asynccontextmanager
async def paying(settings: Settings, platform: Platform, *, host: str) -> AsyncIterator[Platform]:
    """The platform with whoever collects its top-ups, if anybody does; ``host`` is listened on.

    Each is imported where it is set up: most commands ask nobody, and both take their time.

    Raises OthersCanReach for a sandbox that others than this machine could use.
    """
    if settings.stripe_key is not None and settings.stripe_webhook_secret is not None:
        from talktime.gateways.stripe_checkout import StripeCheckout  # noqa: PLC0415

        stripe = StripeCheckout(settings.stripe_key)
        payments = Payments(provider=stripe, notice_secret=settings.stripe_webhook_secret)
        try:
            yield msgspec.structs.replace(platform, payments=payments)
        finally:
            await stripe.close()
    elif settings.sandbox_payments:
        check_loopback_only(
            settings,
            host,
            variable="TALKTIME_PAYMENTS",
            danger="whoever reaches the sandbox gets credit for nothing (elsewhere, try payments "
            "with Stripe's test keys)",
        )
        from talktime.gateways.sandbox_payments import SandboxPayments  # noqa: PLC0415

        sandbox = SandboxPayments(
            platform.connection, public_url=platform.public_url, clock=platform.clock
        )
        payments = Payments(provider=sandbox, notice_secret=sandbox.secret)
        try:
            yield msgspec.structs.replace(platform, payments=payments)
        finally:
            await sandbox.close()
    else:
        yield platform


def public_url_of(settings: Settings) -> str:
    """Where customers reach the pages, for a process that does not serve them itself."""
    if settings.public_url is not None:
        return settings.public_url
    with contextlib.suppress(OSError):
        return _address_file(settings.home).read_text().strip()
    return f"http://127.0.0.1:{DEFAULT_PORT}"


def _address_file(home: Path) -> Path:
    return home / "address"


@contextlib.contextmanager
def address_kept(home: Path, public_url: str) -> Iterator[None]:
    """Leave word of where we serve, for links made on the command line beside us."""
    file = _address_file(home)
    try:
        home.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{public_url}\n")
    except OSError as error:
        log.warning("the address could not be noted", error=str(error))
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            file.unlink()
