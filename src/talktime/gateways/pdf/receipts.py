"""A receipt on paper."""

from collections.abc import Mapping
from typing import Final

from talktime.core.document import Document, DocumentKind
from talktime.core.money import display_usd
from talktime.gateways.pdf import set_pdf
from talktime.gateways.pdf.wording import day, party_facts, rate

TITLES: Final[Mapping[DocumentKind, str]] = {
    DocumentKind.RECEIPT: "Receipt",
    DocumentKind.REFUND: "Refund",
}
PROVIDERS: Final = {"stripe": "card, by Stripe"}


def receipt_pdf(document: Document) -> bytes:
    """A document as it was issued: the same bytes each time."""
    return set_pdf("receipt", _facts(document), at=document.issued_at)


def _facts(document: Document) -> dict[str, object]:
    tax = document.tax
    is_refund = document.kind is DocumentKind.REFUND
    facts: list[tuple[str, str]] = [
        ("Number", document.number),
        ("Issued", day(document.issued_at, document.time_zone)),
        ("Refunded" if is_refund else "Paid", day(document.paid_at, document.time_zone)),
    ]
    if document.refunds:
        facts.append(("Of receipt", document.refunds))
    if document.provider in PROVIDERS:
        facts.append(("Refunded to" if is_refund else "Paid by", PROVIDERS[document.provider]))
    facts.append(("Top-up", document.reference))
    if document.provider_reference:
        facts.append(("At the provider", document.provider_reference))
    facts.append(("Account", document.account_id))
    facts.append(("Transaction", str(document.entry_seq)))
    amount = display_usd(document.amount_nanos)
    what = "Prepaid credit for calls, " + (
        "taken from the paid balance and sent back to the card it came from"
        if is_refund
        else "added to the paid balance"
    )
    rows = [(what, amount)]
    sums = []
    if tax is not None:
        sums.append(("Net", display_usd(document.net_nanos)))
        sums.append((f"{tax.label} {rate(tax.rate_ppm)}", display_usd(document.tax_nanos)))
    return {
        "title": TITLES[document.kind],
        "number": document.number,
        "is_sandbox": document.provider == "sandbox",
        "seller": party_facts(document.seller),
        "buyer": party_facts(document.buyer),
        "facts": facts,
        "rows": rows,
        "sums": sums,
        "total": ("Total refunded, in USD" if is_refund else "Total paid, in USD", amount),
        "note": document.note,
        "sandbox": "No money was sent back: this paper shows what a real one looks like."
        if is_refund
        else "No money was paid: this receipt shows what a real one looks like.",
        "terms": ""
        if is_refund
        else "Paid balance never expires. What is not used of it can be refunded.",
    }
