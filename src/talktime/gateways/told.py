"""What any word of a payment provider has to be like before it is read any further.

A signed notice can still be odd: a provider's bug, a hand-made event, metadata that somebody else
wrote. What a database could not hold is refused or left out here.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec

ProviderId = Annotated[str, msgspec.Meta(max_length=255, pattern=r"\A[!-~]+\Z")]
"""An id, or another short name, as Stripe gives them: https://docs.stripe.com/upgrades (ids have at
most 255 characters)."""

NAME_LENGTH_MAX: Final = 300
WORDS_LENGTH_MAX: Final = 1_000


def name_in(metadata: Mapping[str, Any] | None, key: str) -> str | None:
    """A name of ours that was kept at the provider; None for anything that none of ours can be."""
    name = (metadata or {}).get(key)
    if not isinstance(name, str) or not 1 <= len(name) <= NAME_LENGTH_MAX or not name.isprintable():
        return None
    return name


def whose(metadata: Mapping[str, Any] | None) -> tuple[str, str] | None:
    """(account_id, payment_id) as the metadata of a payment says."""
    account_id, payment_id = name_in(metadata, "account_id"), name_in(metadata, "payment_id")
    return None if account_id is None or payment_id is None else (account_id, payment_id)


def words_of(text: str | None) -> str | None:
    """The provider's words for a person to read, without what no database can hold."""
    return None if text is None else text.replace("\0", "")[:WORDS_LENGTH_MAX]
