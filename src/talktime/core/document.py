"""A receipt: numbered, issued once, and never changed after that.

Whatever stands on it is stored when it is issued: a seller who moves or a customer who renames
the company changes the receipts to come, not those that were given out.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

import msgspec

from talktime.core.documents import read_list, read_mapping, read_text
from talktime.core.errors import InvalidInput
from talktime.core.ledger import EntryKind
from talktime.core.money import MARGIN_SCALE, div_half_even
from talktime.core.payment import NANOS_PER_CENT

LINE_MAX: Final = 120
ADDRESS_LINES_MAX: Final = 6
NOTE_MAX: Final = 300
RATE_MAX_PPM: Final = MARGIN_SCALE


class DocumentKind(StrEnum):
    RECEIPT = "receipt"  # of a top-up
    REFUND = "refund"  # of what of one went back


SERIES: Final[Mapping[DocumentKind, str]] = {
    DocumentKind.RECEIPT: "R",
    DocumentKind.REFUND: "RF",
}
"""What the numbers of each kind begin with."""

DOCUMENTED: Final[Mapping[EntryKind, DocumentKind]] = {
    EntryKind.TOP_UP: DocumentKind.RECEIPT,
    EntryKind.REFUND: DocumentKind.REFUND,
}
"""The entries that get a document; the database's post_entries notes them as due."""


class Party(msgspec.Struct, frozen=True, kw_only=True):
    """A seller or a buyer."""

    name: str
    address: tuple[str, ...] = ()
    """Its lines."""
    tax_id: str = ""
    email: str = ""


class Tax(msgspec.Struct, frozen=True, kw_only=True):
    """A tax that the amounts paid include."""

    label: str
    """ "VAT" """
    rate_ppm: int
    """Of the net amount, in parts per million."""


class Seller(msgspec.Struct, frozen=True, kw_only=True):
    """Who sells here, as the operator set it."""

    party: Party = Party(name="Talktime")
    tax: Tax | None = None
    """None: receipts have no tax line."""
    note: str = ""
    """A sentence for every receipt, such as why no tax is charged."""


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A receipt as it was issued."""

    account_id: str
    number: str
    """ "R-2026-000123": the kind, the year and a running number without gaps."""
    kind: DocumentKind
    entry_seq: int
    issued_at: datetime
    amount_nanos: int
    """What was paid or went back, tax included; the entry moved all of it on the paid balance."""
    paid_at: datetime
    """When it was recorded."""
    time_zone: str
    """The account's when it was issued: its dates are in it."""
    seller: Party
    note: str
    buyer: Party
    tax: Tax | None
    provider: str
    """Who collected the payment; ``sandbox``: nobody paid anything."""
    reference: str
    """The top-up's id, ours."""
    provider_reference: str
    """What the provider calls the payment, or the refund."""
    refunds: str = ""
    """Of a refund: the number of the receipt that it takes back, in whole or in part."""

    @property
    def tax_nanos(self) -> int:
        """The tax within the amount, to the cent."""
        if self.tax is None:
            return 0
        cents = self.amount_nanos // NANOS_PER_CENT
        rate = self.tax.rate_ppm
        return div_half_even(cents * rate, MARGIN_SCALE + rate) * NANOS_PER_CENT

    @property
    def net_nanos(self) -> int:
        return self.amount_nanos - self.tax_nanos


def series_of(kind: DocumentKind, at: datetime) -> str:
    """Where a document issued then takes its number from: "R-2026", by the year in UTC."""
    return f"{SERIES[kind]}-{at.astimezone(UTC).year}"


def document_number(series: str, nth: int) -> str:
    return f"{series}-{nth:06d}"


def parse_seller(document: object) -> Seller:
    """The seller's details as an operator writes them. Raises InvalidInput naming the member."""
    read = read_mapping(document, "seller", {"name"}, {"address", "tax_id", "email", "note", "tax"})
    address: Sequence[str] = ()
    if "address" in read:
        lines = read_list(read["address"], "seller.address", ADDRESS_LINES_MAX)
        address = [_line(line, f"seller.address[{i}]") for i, line in enumerate(lines)]
    return Seller(
        party=Party(
            name=_line(read["name"], "seller.name"),
            address=tuple(address),
            tax_id=_line(read["tax_id"], "seller.tax_id") if "tax_id" in read else "",
            email=_line(read["email"], "seller.email") if "email" in read else "",
        ),
        tax=_tax(read["tax"]) if "tax" in read else None,
        note=read_text(read["note"], "seller.note") if "note" in read else "",
    )


def check_buyer(party: Party) -> Party:
    """A buyer's details as somebody typed them. Raises InvalidInput naming the field."""
    if not party.name:
        raise InvalidInput("Enter the name that receipts are made out to.", field="name")
    if len(party.address) > ADDRESS_LINES_MAX:
        raise InvalidInput(f"An address has at most {ADDRESS_LINES_MAX} lines.", field="address")
    fields = [("name", party.name), ("tax_id", party.tax_id)]
    for field, text in [*fields, *(("address", line) for line in party.address)]:
        if len(text) > LINE_MAX:
            raise InvalidInput(f"At most {LINE_MAX} characters fit on a line.", field=field)
        if not text.isprintable():
            raise InvalidInput("It has characters that cannot be printed.", field=field)
    return party


def _line(value: object, field: str) -> str:
    text = read_text(value, field)
    if len(text) > LINE_MAX:
        raise InvalidInput(f"{field} is longer than {LINE_MAX} characters.", field=field)
    return text


def _tax(value: object) -> Tax:
    read = read_mapping(value, "seller.tax", {"label", "rate"}, set())
    return Tax(
        label=_line(read["label"], "seller.tax.label"),
        rate_ppm=_rate_ppm(read["rate"], "seller.tax.rate"),
    )


def _rate_ppm(value: object, field: str) -> int:
    whole, point, fraction = value.partition(".") if isinstance(value, str) else ("", "", "")
    digits = whole + fraction
    if digits.isascii() and digits.isdigit() and whole and bool(point) == bool(fraction):
        ppm = int(whole) * MARGIN_SCALE + int(fraction.ljust(6, "0")) if len(fraction) <= 6 else -1
        if 0 <= ppm <= RATE_MAX_PPM:
            return ppm
    raise InvalidInput(
        f'{field} must be the part of the net amount that is added, in quotes: "0.19" is 19 %, '
        "with at most six decimals.",
        field=field,
    )
