"""Messages of every kind, each with the facts that its kind is documented to have."""

from datetime import UTC, datetime
from email.message import EmailMessage

from talktime.core.message import CHOSEN_AS, Message, MessageKind, MessageState, message_id_of
from talktime.core.unsubscribing import ENDED_BY_MAIL, UNSUBSCRIBE_KEY
from talktime.gateways.mail.composing import compose_mail, sender_of

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
PAGES = "https://billing.example.com"
SENDER = sender_of("Talktime <talktime@billing.example.com>")

_VALUES = {
    "account_name": "Ada's Bots",
    "account_id": "ada",
    "available": "-0.0431",
    "promo": "0",
    "paid": "-0.0431",
    "threshold": "1",
    "floor": "0.1",
    "bonus": "5",
    "code": "HELLO-5",
    "amount": "25",
    "top_up_id": "top_0198e3f2a1c4",
    "gone": "15",
    "stayed": "10",
    "parts": "top_0198e3f2a1c4 10 top_0198e3f2a1b3 5",
    "refund": "re_3PkA1bC2dE3fG4h",
    "dispute": "dp_1PkA1bC2dE3fG4h",
    "answer": "Your plan runs until Monday. Ask again then, and all of it goes back to your card.",
    "failures": "2",
    "failures_max": "3",
    "link": f"{PAGES}/sign-in/link?token=abc&x=1",
    "valid_for": "20 minutes",
    "invited_by": "Ada",
    "role": "billing",
    "url": "https://hooks.example.com/talktime",
    "since": "2026-11-20T12:00:00+00:00",
    "reason": "Your card has insufficient funds.",
    "name": "backend",
    "key_id": "k1",
    "created_by": "Ada",
    "first_day": "16 November",
    "last_day": "22 November 2026",
    "calls": "3",
    "charge": "0.156",
    "llm": "0.015",
    "stt": "0.018",
    "tts": "0.066",
    "sip": "0.021",
    "margin": "0.036",
    "charge_before": "0",
    "month": "October 2026",
    "opening": "1",
    "beside_calls": "5",
    "closing": "5.844",
    UNSUBSCRIBE_KEY: "a secret of the message",
}
_BALANCE = "available promo paid"
_FAILED = "amount reason failures failures_max"
_NAMES = {
    MessageKind.SIGN_IN: "link valid_for",
    MessageKind.SIGN_UP: "link valid_for",
    MessageKind.INVITATION: "link account_name invited_by role",
    MessageKind.WELCOME: f"bonus {_BALANCE}",
    MessageKind.COUPON_REDEEMED: f"code bonus {_BALANCE}",
    MessageKind.TOP_UP_SUCCEEDED: f"amount top_up_id {_BALANCE}",
    MessageKind.REFUND_ASKED: "amount refund reason account_id account_name",
    MessageKind.REFUND_DECLINED: "amount refund answer",
    MessageKind.REFUND_SUCCEEDED: f"amount refund {_BALANCE}",
    MessageKind.REFUND_PARTLY: f"amount refund reason gone stayed parts {_BALANCE}",
    MessageKind.REFUND_FAILED: f"amount refund reason {_BALANCE}",
    MessageKind.REFUND_REVERSED: f"amount refund {_BALANCE}",
    MessageKind.CHARGEBACK: f"amount dispute top_up_id floor {_BALANCE}",
    MessageKind.CHARGEBACK_REVERSED: f"amount dispute top_up_id floor {_BALANCE}",
    MessageKind.AUTO_RELOAD_DONE: f"amount top_up_id {_BALANCE}",
    MessageKind.AUTO_RELOAD_FAILED: _FAILED,
    MessageKind.AUTO_RELOAD_STOPPED: _FAILED,
    MessageKind.AUTHENTICATION_NEEDED: f"{_FAILED} link",
    MessageKind.BELOW_WARNING: f"threshold floor {_BALANCE}",
    MessageKind.BELOW_FLOOR: f"threshold floor {_BALANCE}",
    MessageKind.WEEKLY_SUMMARY: (
        "first_day last_day calls charge llm stt tts sip margin charge_before available"
    ),
    MessageKind.STATEMENT_READY: "month opening beside_calls charge closing link",
    MessageKind.ENDPOINT_DISABLED: "url since reason",
    MessageKind.KEY_CREATED: "name key_id created_by account_name",
}


def facts_of(kind: MessageKind) -> dict[str, str]:
    """What MessageKind says that it needs, and nothing else."""
    names = _NAMES[kind].split()
    if kind in CHOSEN_AS:
        names.append("account_name")
    if kind in ENDED_BY_MAIL:
        names.append(UNSUBSCRIBE_KEY)
    return {name: _VALUES[name] for name in names}


def message(kind: MessageKind = MessageKind.BELOW_FLOOR, **facts: str) -> Message:
    return Message(
        account_id="ada",
        message_id=message_id_of("ada", kind, "7", "ada@example.com"),
        kind=kind,
        ref="7",
        recipient="ada@example.com",
        facts=facts_of(kind) | facts,
        created_at=AT,
        state=MessageState.DEFERRED,
        attempts=0,
        last_error=None,
        sent_at=None,
    )


def composed(told: Message) -> EmailMessage:
    return compose_mail(told, sender=SENDER, public_url=PAGES)


def part(mail: EmailMessage, kind: str) -> str:
    body = mail.get_body((kind,))
    assert body is not None
    return str(body.get_content())
