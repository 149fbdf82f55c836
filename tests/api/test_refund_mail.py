"""A refund asked for over the API, and who hears of it."""

from msgspec.structs import replace

from talktime.config import Settings
from talktime.core.document import Party, Seller
from talktime.core.message import MessageKind
from talktime.ops.messages import list_messages
from talktime.ops.platform import Platform
from tests.api.refund_desk import opened


async def test_the_seller_is_told(platform: Platform, settings: Settings) -> None:
    """Whoever sells hears by mail of a refund that waits, where it has an address, and once."""
    for email in ("billing@voice.example", ""):
        seller = Seller(party=Party(name="Voice", email=email))
        async with opened(replace(platform, seller=seller), settings) as desk:
            account_id, _ = await desk.paid("25")
            for _ in range(2):
                await desk.ask(account_id, amount="10.00", reason="Not needed.", refund_id="mine")
        async with platform.connection() as connection:
            found = await list_messages(connection, account_id=account_id, state=None, limit=50)
        told = [m.recipient for m in found if m.kind is MessageKind.REFUND_ASKED]
        assert told == ([email] if email else [])
