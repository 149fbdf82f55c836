"""What the payment provider's notices say of refunds and disputes, acted on."""

import structlog

from talktime.core.errors import PaymentMismatch, PaymentUnknown, TopUpsOff
from talktime.core.refund import MoneyBackNotice
from talktime.ops.platform import Platform
from talktime.ops.refund_runs import take_money_back

log = structlog.get_logger("talktime.payments")


async def take_back_notice(platform: Platform, notice: MoneyBackNotice) -> bool:
    """Act on a notice whose signature is verified; False where it is about none of our payments.

    Raises PaymentUnknown and PaymentMismatch, logged for an operator, and ProviderAway.
    """
    if platform.payments is None:
        raise TopUpsOff("this installation takes no payments, so it takes no notices of them")
    try:
        return await take_money_back(
            platform.connection,
            platform.payments.provider,
            notice,
            terms=platform.terms,
            now=platform.clock(),
        )
    except (PaymentUnknown, PaymentMismatch) as error:
        log.error(  # noqa: TRY400  (for an operator to read, not to debug)
            "a notice of money that went back does not fit",
            code=error.code,
            why=error.message,
            intent_id=notice.intent_id,
        )
        raise
