"""Secrets that people and programs bring: what is kept of them, and where to look them up.

A secret is random and long enough to need no salt: of it, only the SHA-256 is kept. What its holder
gets begins with the account's id, so that it says itself where to look it up.
"""

import base64
import binascii
import hashlib


def sha256_of(secret: str | bytes) -> bytes:
    """What is kept of a secret."""
    raw = secret.encode() if isinstance(secret, str) else secret
    return hashlib.sha256(raw).digest()


def account_part(account_id: str) -> str:
    """The account's id in URL-safe base64, without padding."""
    return base64.urlsafe_b64encode(account_id.encode()).decode().rstrip("=")


def read_account_part(part: str) -> str | None:
    """The opposite; None for what is no account's id."""
    try:
        padded = part + "=" * (-len(part) % 4)
        account_id = base64.b64decode(padded, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        return None
    return account_id if account_id and account_id.isprintable() else None
