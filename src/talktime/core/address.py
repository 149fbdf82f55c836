"""E-mail addresses: checked for form, and brought to the form in which two are compared."""

import re
import unicodedata
from typing import Final

import idna

from talktime.core.errors import InvalidInput
from talktime.core.one_line import ENCODED_WORD

ADDRESS_MAX: Final = 254
LOCAL_MAX: Final = 64

_DOTS_IGNORED: Final = frozenset({"gmail.com", "googlemail.com"})
_SAME_DOMAIN: Final = {"googlemail.com": "gmail.com"}
# What could end a mail header or hide a second address is refused, wherever it stands.
_LOCAL = re.compile(r'[^\s\x00-\x20\x7f"(),:;<>@\[\\\]]+')


def check_address(address: str, *, field: str) -> str:
    """The address as given, or InvalidInput where no mail could be sent to it."""
    local, at, domain = address.rpartition("@")
    if (
        not at
        or len(address) > ADDRESS_MAX
        or len(local) > LOCAL_MAX
        or not address.isprintable()
        or ENCODED_WORD in address
        or not _LOCAL.fullmatch(local)
        or local.startswith(".")
        or local.endswith(".")
        or ".." in local
        or _ascii_domain(domain) is None
    ):
        raise InvalidInput(
            f"{field} is not an e-mail address: write it like ada@example.com.", field=field
        )
    if has_stand_ins(local):
        raise InvalidInput(
            f"{field} has signs that stand for other letters: write it with plain letters.",
            field=field,
        )
    return address


def has_stand_ins(text: str) -> bool:
    """Whether Unicode takes some of its signs for others, the ligature of f and i for both.

    Mail servers may or may not; a mailbox with them can be another one than that without them.
    """
    return any(unicodedata.normalize("NFKC", one) != one for one in (text, text.lower()))


def normal_address(address: str) -> str:
    """The form under which an address has one welcome bonus (R9); ``address`` passed check_address.

    Letter case, plus-tags, Gmail's dots and the two spellings of an international domain make no
    difference. Mail goes to the address as it was given, never to this one.
    """
    local, _, domain = address.rpartition("@")
    local = unicodedata.normalize("NFKC", local).casefold()
    domain = _ascii_domain(domain) or domain.casefold()
    local = local.partition("+")[0] or local
    if domain in _DOTS_IGNORED:
        local = local.replace(".", "") or local
    return f"{local}@{_SAME_DOMAIN.get(domain, domain)}"


def sign_in_address(address: str) -> str:
    """The form in which a person is known by an address that passed check_address.

    Letter case and the spellings of an international domain make no difference. Dots and plus-tags
    do, and so does every other difference, for they can be mailboxes of different people: whoever
    reads one is not let in as another. What lets somebody in is mailed to this form alone.
    """
    local, _, domain = address.rpartition("@")
    return f"{local.lower()}@{_ascii_domain(domain) or domain.casefold()}"


def _ascii_domain(domain: str) -> str | None:
    try:
        encoded = idna.encode(domain, uts46=True, transitional=False).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError):
        return None
    return encoded if "." in encoded.strip(".") and encoded == encoded.strip(".") else None
