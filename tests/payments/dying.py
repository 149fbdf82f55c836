"""A Stripe around which our process is killed."""

from talktime.core.refund import DisputeNotice, PaymentProvider, RefundNotice, RefundOrder


class Dies:
    """A Stripe whose answer nobody lives to hear, or whose request is never sent."""

    def __init__(self, whole: PaymentProvider, *, before: bool) -> None:
        self._whole = whole
        self._before = before
        self.name = whole.name
        self.cards = whole.cards
        self.create_checkout = whole.create_checkout
        self.read_checkout = whole.read_checkout
        self.list_refunds = whole.refunds.list_refunds
        self.read_refund = whole.refunds.read_refund
        self.keeps_disputes = whole.refunds.keeps_disputes
        self.list_disputes = whole.refunds.list_disputes
        self.find_payment = whole.refunds.find_payment

    @property
    def refunds(self) -> "Dies":
        return self

    async def create_refund(self, order: RefundOrder) -> RefundNotice:
        if not self._before:
            await self._whole.refunds.create_refund(order)
        raise ConnectionAbortedError("the process was killed here")

    async def read_dispute(self, dispute_id: str, account_id: str, /) -> DisputeNotice:
        return await self._whole.refunds.read_dispute(dispute_id, account_id)
