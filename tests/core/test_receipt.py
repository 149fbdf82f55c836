"""The portable receipt: written, read back, recomputed, and caught where somebody changed it."""

import random
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from talktime.core.call import BillingStatus
from talktime.core.errors import InvalidInput
from talktime.core.money import format_usd
from talktime.core.receipt import (
    Receipt,
    check_receipt,
    is_right,
    read_receipt,
    receipt_of,
    write_receipt,
)
from tests.core.receipts import some_call, tampered

SEEDS = range(300)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_receipt_is_right(seed: int) -> None:
    """What rating made of a call, the recomputation of its document makes again, to the nano."""
    call = some_call(random.Random(seed))
    document = write_receipt(receipt_of(call))
    checks = check_receipt(read_receipt(document))
    assert is_right(checks), [check for check in checks if not check.is_right]
    assert [check.computed for check in checks if check.name == "line"] == [
        line.cost for line in receipt_of(call).lines
    ]


@pytest.mark.parametrize("seed", SEEDS)
def test_every_lie_is_caught(seed: int) -> None:
    """A document with one figure changed is not right, whichever figure it is."""
    chance = random.Random(seed)
    document = tampered(receipt_of(some_call(chance)), chance)
    try:
        checks = check_receipt(read_receipt(msgspec.json.encode(document)))
    except InvalidInput:
        return
    assert not is_right(checks), document


def test_a_free_call_debits_nothing() -> None:
    """A free call that took something from a balance is not right, however right its sums are."""
    chance = random.Random(0)
    call = some_call(chance)
    while call.billing_status is not BillingStatus.FREE or not call.charge_nanos:
        call = some_call(chance)
    document = msgspec.to_builtins(receipt_of(call))
    document["paid_charged"] = document["charge"]
    checks = check_receipt(read_receipt(msgspec.json.encode(document)))
    assert [check.name for check in checks if not check.is_right] == ["debit"]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_wrong_debit_stands_beside_the_charge(seed: int) -> None:
    """Where the balances bore another amount, computed is the charge, and stated what they bore."""
    chance = random.Random(seed)
    call = some_call(chance)
    while call.billing_status is not BillingStatus.CHARGED:
        call = some_call(chance)
    right = receipt_of(call)
    promo, paid = (_nanos(text) for text in (right.promo_charged, right.paid_charged))
    wrong = msgspec.structs.replace(right, promo_charged=format_usd(promo + 1))
    *_, debit = check_receipt(wrong)
    assert (debit.working, debit.computed) == ("the charge", right.charge)
    assert debit.stated == format_usd(promo + 1 + paid)
    assert not debit.is_right


def test_it_names_no_phone_number() -> None:
    """Whoever gets the document learns no phone number."""
    call = msgspec.structs.replace(some_call(random.Random(1)), from_number="+12025550123")
    assert b"2025550123" not in write_receipt(receipt_of(call))


def _nanos(text: str | None) -> int:
    return int(Decimal(text or "0").scaleb(9))


def _without(document: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key != name}


@pytest.mark.parametrize("seed", range(5))
def test_what_is_no_receipt(seed: int) -> None:
    """Anything that is no such document is refused in words: other formats, lacks, additions."""
    document = msgspec.to_builtins(receipt_of(some_call(random.Random(seed))))
    for wrong in (
        b"",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        msgspec.json.encode(document | {"format": "talktime-receipt/2"}),
        msgspec.json.encode(document | {"currency": "EUR"}),
        msgspec.json.encode(document | {"more": 1}),
        msgspec.json.encode(_without(document, "margin_rate")),
        msgspec.json.encode(document | {"lines": [document | {"lines": []}]}),
    ):
        with pytest.raises(InvalidInput, match="no receipt"):
            read_receipt(wrong)


@pytest.mark.parametrize("text", ["1e3", "0.5", "-1", " 1", "\u0661", "1" * 19, ""])
def test_amounts_that_are_none(text: str) -> None:
    """A quantity that is not written in plain digits is refused, naming it."""
    document = msgspec.to_builtins(receipt_of(some_call(random.Random(2))))
    document["lines"] = [
        {
            "service": "llm",
            "provider": "acme",
            "model": "",
            "source": "",
            "quantities": {"input_tokens": text},
            "provider_cost": None,
            "price": None,
            "cost": None,
        }
    ]
    with pytest.raises(InvalidInput, match=r"lines\[0\].quantities.input_tokens"):
        check_receipt(msgspec.convert(document, Receipt))
