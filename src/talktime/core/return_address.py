"""Where a payer goes back to from the payment page: an address of the platform's, or a page of
ours that its link alone opens."""

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import SplitResult, urlsplit

from talktime.core.errors import InvalidInput
from talktime.core.secret import account_part, read_account_part

LENGTH_MAX: Final = 1_500
PAYER_PLACE: Final = "/payment/"

# All that RFC 3986 has but the fragment, which would swallow what is added. No braces, in which the
# provider would put facts of its own.
_SIGNS: Final = re.compile(r"[A-Za-z0-9._~:/?@!$&'()*+,;=%\[\]-]+", re.ASCII)
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def check_return_url(text: str, *, allowed_origins: Sequence[str], public_url: str) -> str:
    """The address, or InvalidInput for ``return_url``: over https, or http on this machine.

    Where there are ``allowed_origins`` it is at one of them, or at our own ``public_url``.
    """
    parts = _split(text)
    if parts is None:
        raise InvalidInput(
            f"return_url must be a whole address of at most {LENGTH_MAX} characters, such as "
            "https://app.example.com/billing, over https (http on this machine alone), without a "
            "user name and without a # part.",
            field="return_url",
        )
    origins = {*allowed_origins, _origin(urlsplit(public_url))}
    if allowed_origins and _origin(parts) not in origins:
        raise InvalidInput(
            f"return_url must be at {' or '.join(allowed_origins)}; ask the operator of this "
            "server to allow another site.",
            field="return_url",
        )
    return text


def with_outcome(url: str, outcome: str) -> str:
    """The address with what the payment page said, ``paid`` or ``canceled``, as ``back``."""
    return f"{url}{'&' if '?' in url else '?'}back={outcome}"


def payer_page(public_url: str, account_id: str, payment_id: str, secret: str) -> str:
    """Our page on which whoever has its address sees how one payment stands, and nothing else."""
    return f"{public_url}{PAYER_PLACE}{account_part(account_id)}.{payment_id}.{secret}"


def read_payer_token(token: str) -> tuple[str, str] | None:
    """(account_id, payment_id) that such an address names; None for what is none."""
    parts = token.split(".")
    account_id = read_account_part(parts[0])
    if len(parts) != 3 or account_id is None:
        return None
    return account_id, parts[1]


def _split(text: str) -> SplitResult | None:
    if len(text) > LENGTH_MAX or not _SIGNS.fullmatch(text):
        return None
    try:
        parts = urlsplit(text)
        is_whole = bool(parts.hostname) and parts.username is None and parts.port != 0
    except ValueError:
        return None
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    return parts if is_whole and is_safe else None


def _origin(parts: SplitResult) -> str:
    return f"{parts.scheme}://{parts.netloc}".lower()
