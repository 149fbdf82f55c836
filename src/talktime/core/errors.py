"""Everything Talktime refuses, as one tree of domain errors.

    TalktimeError
    ├── InvalidInput            a field is wrong; nothing was written
    │   ├── InvalidAmount       not a USD amount of at most nine decimals, or out of range
    │   ├── InvalidQuantity     unknown, negative, absurd or inconsistent quantity
    │   ├── LineNotAllowed      the call's channel cannot have this service line
    │   ├── EndBeforeStart      ended_at lies before the call began
    │   ├── ClockOff            a time is too far from our own clock
    │   ├── RangeTooWide        more is asked for than is looked through at once
    │   ├── EndpointRefused     a webhook cannot go to this address
    │   │   └── EndpointPrivate it leads into a private network, which the operator may allow
    │   └── TooMany             a list is longer than its limit
    ├── NotFound
    │   ├── AccountUnknown
    │   ├── CallUnknown
    │   ├── CouponUnknown
    │   │   └── CouponWrongCase a code that differs in its letter case alone could be redeemed
    │   ├── PaymentUnknown
    │   ├── RefundUnknown
    │   ├── DisputeUnknown
    │   ├── DocumentUnknown     no such receipt, or no statement of that month
    │   ├── MemberUnknown
    │   ├── MessageUnknown
    │   ├── EndpointUnknown
    │   ├── DeliveryUnknown
    │   └── PriceUnknown        no rate card prices the model at that time
    ├── Refused                 understood, and answered with no
    │   ├── InsufficientCredits startable is below the floor
    │   ├── TopUpsOff           no payment provider is set
    │   ├── RefundRefused       the payment provider will not send this money back
    │   └── AccountSuspended
    ├── Conflict                contradicts what is already recorded
    │   ├── AccountExists       same account id with other facts
    │   ├── CallIdConflict      same call id with other facts
    │   ├── CallAlreadyEnded    ended before with another outcome
    │   ├── ReferenceConflict   same business reference with other facts
    │   ├── RefundTooMuch       more than can go back to the cards it came from
    │   ├── RefundOpen          one refund is looked at or under way; the next comes after it
    │   ├── RefundDecided       the operator has said otherwise before
    │   ├── DisputeClear        it is known what a dispute took and gave again
    │   ├── PaymentMismatch     money that is not what was asked for: for an operator to look at
    │   ├── PromoInsufficient   promo may never become negative
    │   ├── MemberExists        is a member with another role
    │   ├── LastOwner           an account keeps at least one owner
    │   ├── MessageNotRepeatable still on its way, or its link was forgotten
    │   ├── KeyExists
    │   ├── CouponExists
    │   ├── CouponAlreadyRedeemed
    │   ├── CouponUsedUp
    │   ├── CouponNotYetValid
    │   └── CouponNewAccountsOnly
    ├── Gone
    │   ├── CouponExpired
    │   └── LinkUsed            a one-time link was used or has expired
    ├── TooManyAttempts         guessing is slowed down: wait, then try again
    ├── Unauthenticated         no key, or one we do not know
    ├── Forbidden               the key lacks the scope, or is for another account
    └── Overloaded              a queue is full or the database is away: try again
        └── ProviderAway        the payment provider cannot be reached: try again

Each class has a stable ``code``, which is part of the API. Only the HTTP edge knows status codes.
"""

from typing import ClassVar


class TalktimeError(Exception):
    """A refusal in words of the domain.

    ``field`` names the part of the input that is wrong (``lines[0].quantities.characters``);
    ``facts`` are further machine-readable members of the answer, already in wire form.
    """

    code: ClassVar[str] = "error"

    def __init__(self, message: str, *, field: str | None = None, **facts: object) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.facts = facts


class InvalidInput(TalktimeError):
    code = "invalid_input"


class InvalidAmount(InvalidInput):
    code = "invalid_amount"


class InvalidQuantity(InvalidInput):
    code = "invalid_quantity"


class LineNotAllowed(InvalidInput):
    code = "line_not_allowed"


class EndBeforeStart(InvalidInput):
    code = "end_before_start"


class ClockOff(InvalidInput):
    code = "clock_off"


class RangeTooWide(InvalidInput):
    code = "range_too_wide"


class EndpointRefused(InvalidInput):
    code = "endpoint_refused"


class EndpointPrivate(EndpointRefused):
    """To callers an address like any other that is refused."""


class TooMany(InvalidInput):
    code = "too_many"


class NotFound(TalktimeError):
    code = "not_found"


class AccountUnknown(NotFound):
    code = "account_unknown"


class CallUnknown(NotFound):
    code = "call_unknown"


class CouponUnknown(NotFound):
    code = "coupon_unknown"


class CouponWrongCase(CouponUnknown):
    """Unknown too, for programs: only the advice to people differs."""


class PaymentUnknown(NotFound):
    code = "payment_unknown"


class DocumentUnknown(NotFound):
    code = "document_unknown"


class RefundUnknown(NotFound):
    code = "refund_unknown"


class DisputeUnknown(NotFound):
    code = "dispute_unknown"


class MessageUnknown(NotFound):
    code = "message_unknown"


class MemberUnknown(NotFound):
    code = "member_unknown"


class EndpointUnknown(NotFound):
    code = "endpoint_unknown"


class DeliveryUnknown(NotFound):
    code = "delivery_unknown"


class PriceUnknown(NotFound):
    code = "price_unknown"


class Refused(TalktimeError):
    code = "refused"


class InsufficientCredits(Refused):
    code = "insufficient_credits"


class TopUpsOff(Refused):
    code = "top_ups_off"


class RefundRefused(Refused):
    code = "refund_refused"


class AccountSuspended(Refused):
    code = "account_suspended"


class Conflict(TalktimeError):
    code = "conflict"


class AccountExists(Conflict):
    code = "account_exists"


class CallIdConflict(Conflict):
    code = "call_id_conflict"


class CallAlreadyEnded(Conflict):
    code = "call_already_ended"


class ReferenceConflict(Conflict):
    code = "reference_conflict"


class PaymentMismatch(Conflict):
    code = "payment_mismatch"


class DisputeClear(Conflict):
    code = "dispute_clear"


class RefundTooMuch(Conflict):
    code = "refund_too_much"


class RefundOpen(Conflict):
    code = "refund_open"


class RefundDecided(Conflict):
    code = "refund_decided"


class PromoInsufficient(Conflict):
    code = "promo_insufficient"


class MemberExists(Conflict):
    code = "member_exists"


class LastOwner(Conflict):
    code = "last_owner"


class MessageNotRepeatable(Conflict):
    code = "message_not_repeatable"


class KeyExists(Conflict):
    code = "key_exists"


class CouponExists(Conflict):
    code = "coupon_exists"


class CouponAlreadyRedeemed(Conflict):
    code = "coupon_already_redeemed"


class CouponUsedUp(Conflict):
    code = "coupon_used_up"


class CouponNotYetValid(Conflict):
    code = "coupon_not_yet_valid"


class CouponNewAccountsOnly(Conflict):
    code = "coupon_new_accounts_only"


class Gone(TalktimeError):
    code = "gone"


class CouponExpired(Gone):
    code = "coupon_expired"


class LinkUsed(Gone):
    code = "link_used"


class TooManyAttempts(TalktimeError):
    """``retry_after`` is in seconds; ``is_passing``: attempts still being judged fill the limit."""

    code = "too_many_attempts"

    def __init__(
        self,
        message: str,
        *,
        retry_after: int,
        field: str | None = None,
        is_passing: bool = False,
    ) -> None:
        super().__init__(message, field=field)
        self.retry_after = retry_after
        self.is_passing = is_passing


class Unauthenticated(TalktimeError):
    code = "unauthenticated"


class Forbidden(TalktimeError):
    code = "forbidden"


class Overloaded(TalktimeError):
    code = "overloaded"


class ProviderAway(Overloaded):
    code = "payment_provider_away"
