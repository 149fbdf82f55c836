"""What comes through the payment provider's door: who said it, and what it means."""

import time
from typing import Any, get_args

import pytest
from stripe.params import WebhookEndpointCreateParams

from talktime.core.errors import InvalidInput
from talktime.core.payment import NoticeKind, PaymentNotice
from talktime.gateways.payment_notices import EVENT_TYPES, NOTICE_BYTES_MAX, read_notice
from tests.payments.paying import SECRET, event, signed

OURS = {"account_id": "acct", "payment_id": "top"}


def session(**facts: Any) -> dict[str, Any]:
    return {
        "id": "cs_1",
        "object": "checkout.session",
        "amount_total": 1000,
        "currency": "usd",
        "payment_status": "paid",
        "payment_intent": "pi_1",
        "metadata": OURS,
    } | facts


def intent(**facts: Any) -> dict[str, Any]:
    return {
        "id": "pi_1",
        "object": "payment_intent",
        "amount": 1000,
        "amount_received": 1000,
        "currency": "usd",
        "metadata": OURS,
        "last_payment_error": None,
    } | facts


@pytest.mark.parametrize(
    ("kind", "about", "means"),
    [
        ("checkout.session.completed", session(), NoticeKind.PAID),
        ("checkout.session.completed", session(payment_status="unpaid"), NoticeKind.OPEN),
        ("checkout.session.async_payment_succeeded", session(), NoticeKind.PAID),
        ("checkout.session.async_payment_failed", session(), NoticeKind.FAILED),
        ("checkout.session.expired", session(payment_intent=None), NoticeKind.EXPIRED),
        ("payment_intent.succeeded", intent(), NoticeKind.PAID),
        (
            "payment_intent.payment_failed",
            intent(amount_received=0, last_payment_error={"message": "No.", "code": "x"}),
            NoticeKind.ATTEMPT_FAILED,
        ),
    ],
)
def test_each_event_has_one_meaning(kind: str, about: dict[str, Any], means: NoticeKind) -> None:
    """An event is read as what it says of our payment, under the id of the money itself."""
    body = event(kind, about)
    notice = read_notice(body, signed(body), SECRET)
    assert isinstance(notice, PaymentNotice)
    assert (notice.kind, notice.account_id, notice.payment_id) == (means, "acct", "top")
    assert notice.intent_id == about.get("payment_intent", "pi_1")


@pytest.mark.parametrize(
    ("kind", "about"),
    [
        ("customer.created", {"id": "cus_1", "object": "customer"}),
        ("checkout.session.completed", session(metadata={})),
        ("checkout.session.completed", session(metadata=None)),
        ("payment_intent.succeeded", intent(metadata={"order": "66"})),
    ],
)
def test_what_is_not_ours_is_left_alone(kind: str, about: dict[str, Any]) -> None:
    """Other shops may share the Stripe account: their events mean nothing here."""
    body = event(kind, about)
    assert read_notice(body, signed(body), SECRET) is None


def test_only_the_provider_is_believed() -> None:
    """A wrong secret, a changed body, an old signature or none: refused, naming the header."""
    body = event("checkout.session.completed", session())
    old = int(time.time()) - 301
    for sent, header in (
        (body, signed(body, secret="whsec_other")),
        (body.replace(b"1000", b"9000"), signed(body)),
        (body, signed(body, at=old)),
        (body, "t=now,v1=what"),
        (body, "t=-1,v1=\u00c3\u00a9"),
        (body, ""),
        (body, None),
        (b"\xff\xfe", signed(body)),
    ):
        with pytest.raises(InvalidInput) as refused:
            read_notice(sent, header, SECRET)
        assert refused.value.field == "Stripe-Signature"


@pytest.mark.parametrize("body", [b"{}", b"[]", b"null", b'{"type": 1}', b"{", b'{"type": "x"'])
def test_a_signed_body_that_is_no_event(body: bytes) -> None:
    """What is signed and is no event is refused in words."""
    with pytest.raises(InvalidInput, match="cannot be read"):
        read_notice(body, signed(body), SECRET)


def test_a_huge_notice_is_refused_unread() -> None:
    """A body beyond the limit is not even checked for its signature."""
    with pytest.raises(InvalidInput, match="at most"):
        read_notice(b" " * (NOTICE_BYTES_MAX + 1), None, SECRET)


def test_the_events_are_stripes() -> None:
    """Each event we ask operators to subscribe to is one that Stripe publishes."""
    published = str(get_args(WebhookEndpointCreateParams.__annotations__["enabled_events"]))
    for name in EVENT_TYPES:
        assert f"'{name}'" in published
