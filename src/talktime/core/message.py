"""Messages to people: what happened, written in the transaction in which it happened.

A message is its facts, not its wording: subject, text and HTML are made of them when it is sent.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from hashlib import md5
from typing import Final
from uuid import UUID

import msgspec

from talktime.core.member import MailKind


class MessageKind(StrEnum):
    """What a message tells, each with the facts it needs.

    Facts are strings: amounts as USD in wire form ("0.052"), addresses of pages whole. What is told
    to whoever chose it gets account_name besides.
    """

    SIGN_IN = "sign_in"  # link, valid_for ("20 minutes")
    SIGN_UP = "sign_up"  # link, valid_for
    INVITATION = "invitation"  # link, account_name, invited_by, role
    WELCOME = "welcome"  # bonus, available, promo, paid
    COUPON_REDEEMED = "coupon_redeemed"  # code, bonus, available, promo, paid
    TOP_UP_SUCCEEDED = "top_up_succeeded"  # amount, top_up_id, available, promo, paid
    REFUND_ASKED = "refund_asked"  # amount, refund, reason, account_id, account_name; to the seller
    REFUND_DECLINED = "refund_declined"  # amount, refund, answer
    # amount, refund, available, promo, paid, and parts, where several payments went back, each
    # with its amount ("top_1 6 top_2 4")
    REFUND_SUCCEEDED = "refund_succeeded"
    REFUND_PARTLY = "refund_partly"  # as REFUND_SUCCEEDED, and gone, stayed, reason
    REFUND_FAILED = "refund_failed"  # as REFUND_SUCCEEDED, and reason; it never left
    REFUND_REVERSED = "refund_reversed"  # as REFUND_SUCCEEDED; it had left, and came back
    CHARGEBACK = "chargeback"  # amount, dispute, top_up_id, floor, available, promo, paid
    CHARGEBACK_REVERSED = "chargeback_reversed"  # as CHARGEBACK
    AUTO_RELOAD_DONE = "auto_reload_done"  # amount, top_up_id, available, promo, paid
    AUTO_RELOAD_FAILED = "auto_reload_failed"  # amount, reason, failures, failures_max
    AUTO_RELOAD_STOPPED = "auto_reload_stopped"  # amount, reason, failures, failures_max
    AUTHENTICATION_NEEDED = "authentication_needed"  # as AUTO_RELOAD_FAILED, and link
    # threshold, available, promo, paid, floor, and talk_time_seconds or talk_time_chats if known
    BELOW_WARNING = "below_warning"
    BELOW_FLOOR = "below_floor"  # threshold, available, promo, paid, floor
    # first_day, last_day, calls, charge, llm, stt, tts, sip, margin, charge_before, available,
    # unsubscribe_key
    WEEKLY_SUMMARY = "weekly_summary"
    # month, opening, beside_calls, charge, closing, link
    STATEMENT_READY = "statement_ready"
    ENDPOINT_DISABLED = "endpoint_disabled"  # url, since (ISO 8601), reason
    KEY_CREATED = "key_created"  # name, key_id, created_by


class MessageState(StrEnum):
    WAITING = "waiting"  # -> expanded | deferred
    EXPANDED = "expanded"  # for whoever chose it, by now a message to each of them; the end
    DEFERRED = "deferred"  # a job will hand it over: -> sent | dead
    SENT = "sent"  # the mail server has taken it; -> deferred where an operator sends it again
    DEAD = "dead"  # given up, and why is told; -> deferred where an operator sends it again


FORGOTTEN: Final[Mapping[MessageKind, frozenset[str]]] = {
    MessageKind.SIGN_IN: frozenset({"link"}),
    MessageKind.SIGN_UP: frozenset({"link"}),
}
"""Facts that let whoever reads them act; erased once the message was handed over."""

CHOSEN_AS: Final[Mapping[MessageKind, MailKind]] = {
    MessageKind.WELCOME: MailKind.MONEY_IN,
    MessageKind.COUPON_REDEEMED: MailKind.MONEY_IN,
    MessageKind.TOP_UP_SUCCEEDED: MailKind.MONEY_IN,
    MessageKind.REFUND_DECLINED: MailKind.MONEY_IN,
    MessageKind.REFUND_SUCCEEDED: MailKind.MONEY_IN,
    MessageKind.REFUND_PARTLY: MailKind.MONEY_IN,
    MessageKind.REFUND_FAILED: MailKind.MONEY_IN,
    MessageKind.REFUND_REVERSED: MailKind.MONEY_IN,
    MessageKind.CHARGEBACK: MailKind.ALERTS,
    MessageKind.CHARGEBACK_REVERSED: MailKind.MONEY_IN,
    MessageKind.AUTO_RELOAD_DONE: MailKind.MONEY_IN,
    MessageKind.AUTO_RELOAD_FAILED: MailKind.ALERTS,
    MessageKind.AUTO_RELOAD_STOPPED: MailKind.ALERTS,
    MessageKind.AUTHENTICATION_NEEDED: MailKind.ALERTS,
    MessageKind.BELOW_WARNING: MailKind.ALERTS,
    MessageKind.BELOW_FLOOR: MailKind.ALERTS,
    MessageKind.ENDPOINT_DISABLED: MailKind.ALERTS,
    MessageKind.STATEMENT_READY: MailKind.MONEY_IN,
    MessageKind.WEEKLY_SUMMARY: MailKind.WEEKLY,
}
"""By which choice a member is told. A kind that stands here not is told to every owner, unless the
message names its recipient."""


def message_id_of(account_id: str, kind: MessageKind, ref: str, recipient: str | None) -> UUID:
    """The id that the database gives this message."""
    told = "\x1f".join((account_id, kind.value, ref, recipient or ""))
    return UUID(md5(told.encode(), usedforsecurity=False).hexdigest())


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One message to one person, or, without a recipient, to whoever chose its kind."""

    account_id: str
    """Empty for mail before there is an account."""
    message_id: UUID
    """Made of account, kind, ref and recipient: the same message has the same id everywhere."""
    kind: MessageKind
    ref: str
    """What makes it this message and no other of its kind: an entry's number, a link's id."""
    recipient: str | None
    facts: dict[str, str]
    created_at: datetime
    state: MessageState
    attempts: int
    last_error: str | None
    sent_at: datetime | None
