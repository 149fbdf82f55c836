"""A small world in which money goes in and out: customers, an operator, Stripe, and banks.

Its acts are chosen by dice. What it asks of our server is asked again until it is answered, as
backends do; what Stripe tells lies on a pile and is delivered late, twice and in any order. At the
end Stripe's own books, and nothing of ours, say what each balance has to be.
"""

import random
import secrets
from datetime import timedelta
from typing import Any

import httpx

from talktime.core.ledger import EntryKind
from talktime.core.payment import OPEN_STATUSES
from talktime.ops.accounts import read_account
from talktime.ops.entries import list_entries
from talktime.ops.ledger_verify import verify_ledger
from talktime.ops.platform import Platform
from talktime.ops.reconciliation import compare_payments
from talktime.ops.top_ups import list_payments
from tests.payments.paying import event, signed
from tests.payments.stripe_checkouts import StripeCheckouts

CENT = 10**7
TOLD_TWICE = 0.3
AGAIN_MAX = 200


class Killed(BaseException):
    """A process dies here, in a test that has it in its own: nothing of ours catches this."""


DIED = (httpx.TransportError, Killed)
"""What asking a server looks like that dies meanwhile."""

RELOAD_THRESHOLD = 5
RELOAD_AMOUNT = 25
SPENT_MAX_NANOS = 1_500 * 10**9
"""By one account, so that no ceiling keeps its card from being charged."""


ACTS = (
    *("begin", "pay", "pay", "spend", "ask_back", "let_go", "send_back", "bounce"),
    *("refund_in_dashboard", "dispute", "win", "ask_again", "deliver", "deliver", "deliver"),
)
"""What happens, each as often as it stands here."""


class MoneyWorld:
    """Accounts that pay on pages, and want money back; others whose saved card is charged."""

    def __init__(
        self,
        stripe: StripeCheckouts,
        dice: random.Random,
        *,
        buyers: list[str],
        reloaders: list[str],
    ) -> None:
        self.stripe = stripe
        self.dice = dice
        self.buyers = buyers
        self.reloaders = reloaders
        self.pile: list[tuple[str, dict[str, Any]]] = []
        """Kind of event, and what it is about as it was then."""
        self.unanswered: dict[str, dict[str, Any]] = {}
        """By path, what our server was asked there and did not answer."""
        self.refunds: list[tuple[str, str]] = []
        self.spent_nanos: dict[str, int] = dict.fromkeys(buyers + reloaders, 0)
        self.told: set[str] = set()

    async def act(self, client: httpx.AsyncClient, name: str | None = None) -> None:
        """Something happens; perhaps nothing, where there is nothing to do."""
        await getattr(self, name or self.dice.choice(ACTS))(client)
        self._hear_of_charges()

    # What is asked of our server.

    async def begin(self, client: httpx.AsyncClient) -> None:
        """A customer begins a top-up."""
        account_id = self.dice.choice(self.buyers)
        amount = self.dice.randrange(5, 40)
        await self._ask(
            client,
            f"/v1/accounts/{account_id}/top-ups#{secrets.token_hex(4)}",
            {"amount": f"{amount}.00", "top_up_id": f"top_{secrets.token_hex(6)}"},
        )

    async def spend(self, client: httpx.AsyncClient) -> None:
        """What a call would do, without the call; those with a saved card fall below it."""
        account_id = self.dice.choice(self.buyers + self.reloaders)
        dollars = RELOAD_AMOUNT if account_id in self.reloaders else self.dice.randrange(1, 4)
        if self.spent_nanos[account_id] >= SPENT_MAX_NANOS:
            return
        self.spent_nanos[account_id] += dollars * 10**9
        await self._ask(
            client,
            f"/v1/accounts/{account_id}/adjustments#{secrets.token_hex(4)}",
            {"adjustment_id": secrets.token_hex(6), "paid": f"-{dollars}", "reason": "spent"},
        )

    async def ask_back(self, client: httpx.AsyncClient) -> None:
        """A customer wants money back, some or all of it."""
        account_id = self.dice.choice(self.buyers)
        refund_id = f"ref_{secrets.token_hex(6)}"
        self.refunds.append((account_id, refund_id))
        some = {"amount": f"{self.dice.randrange(1, 9)}.50"} if self.dice.random() < 0.7 else {}
        await self._ask(
            client,
            f"/v1/accounts/{account_id}/refunds#{refund_id}",
            {"refund_id": refund_id} | some,
        )

    async def let_go(self, client: httpx.AsyncClient) -> None:
        """An operator approves a refund."""
        if self.refunds:
            account_id, refund_id = self.dice.choice(self.refunds[-3:])
            path = f"/v1/accounts/{account_id}/refunds/{refund_id}/approve"
            await self._ask(client, path, {})

    async def ask_again(self, client: httpx.AsyncClient) -> None:
        """What was not answered is asked once more."""
        if self.unanswered:
            path = self.dice.choice(sorted(self.unanswered))
            await self._ask(client, path, self.unanswered[path])

    async def deliver(self, client: httpx.AsyncClient) -> None:
        """Stripe tells something, not always for the last time."""
        if not self.pile:
            return
        kind, about = self.pile[self.dice.randrange(len(self.pile))]
        is_last = self.dice.random() >= TOLD_TWICE
        if await self.tell(client, kind, about) and is_last and (kind, about) in self.pile:
            self.pile.remove((kind, about))

    async def tell(self, client: httpx.AsyncClient, kind: str, about: dict[str, Any]) -> bool:
        """One notice through our door; whether it was taken."""
        body = event(kind, about)
        headers = {"Stripe-Signature": signed(body)}
        try:
            answer = await client.post("/hooks/payments", content=body, headers=headers)
        except DIED:
            return False
        assert answer.status_code in {200, 500, 503}, answer.text
        return answer.status_code == 200

    async def _ask(self, client: httpx.AsyncClient, path: str, body: dict[str, Any]) -> None:
        # The part after # keeps several requests to one address apart.
        self.unanswered[path] = body
        try:
            answer = await client.post(path.partition("#")[0], json=body)
        except DIED:
            return
        if answer.status_code < 500:
            assert answer.status_code in {200, 201, 404, 409, 429}, answer.text
            self.unanswered.pop(path, None)

    # What happens at Stripe.

    async def pay(self, _client: httpx.AsyncClient) -> None:
        """A customer pays on a page; two events tell of it."""
        if found := [one for one in self._sessions() if one["status"] == "open"]:
            session = dict(self.stripe.pay(self.dice.choice(found)["id"]))
            self.pile.append(("checkout.session.completed", session))
            intent = {
                "id": session["payment_intent"],
                "object": "payment_intent",
                "status": "succeeded",
                "amount": session["amount_total"],
                "amount_received": session["amount_total"],
                "currency": "usd",
                "metadata": session["metadata"],
            }
            self.pile.append(("payment_intent.succeeded", intent))

    async def send_back(self, _client: httpx.AsyncClient) -> None:
        """A refund that is under way succeeds or fails."""
        if found := self._refunds("pending"):
            refund = self.dice.choice(found)
            how = "failed" if self.dice.random() < 0.2 else "succeeded"
            ended = self.stripe.back.end(refund["id"], how)
            self.pile.append((self.dice.choice(["refund.updated", "charge.refund.updated"]), ended))

    async def bounce(self, _client: httpx.AsyncClient) -> None:
        """A bank sends a refund back that had succeeded."""
        found = self._refunds("succeeded")
        if found and self.dice.random() < 0.3:
            refund = self.dice.choice(found)
            self.pile.append(("refund.failed", self.stripe.back.end(refund["id"], "failed")))

    async def refund_in_dashboard(self, _client: httpx.AsyncClient) -> None:
        """Somebody gives money back in Stripe's dashboard, without asking us."""
        if found := [one for one in self._paid() if self._left(one) >= 100]:
            session = self.dice.choice(found)
            cents = self.dice.randrange(50, self._left(session) + 1)
            refund = self.stripe.back.from_dashboard(session["payment_intent"], cents)
            if self.dice.random() < 0.5:
                self.pile.append(("refund.created", dict(refund)))
            charge = {"id": refund["charge"], "object": "charge", "metadata": session["metadata"]}
            charge["payment_intent"] = session["payment_intent"]
            if self.dice.random() < 0.5:
                self.pile.append(("charge.refunded", charge))

    async def dispute(self, _client: httpx.AsyncClient) -> None:
        """A bank takes back what is left of a payment, or some of it."""
        found = [one for one in self._paid() if self._left(one) >= 100]
        if found and self.dice.random() < 0.3:
            session = self.dice.choice(found)
            cents = self.dice.randrange(50, self._left(session) + 1)
            taken = self.stripe.back.dispute(session["payment_intent"], cents)
            self.pile.append(("charge.dispute.funds_withdrawn", dict(taken)))

    async def win(self, _client: httpx.AsyncClient) -> None:
        """A dispute is won, in whole or in part."""
        if found := [one for one in self._disputes() if one["status"] == "needs_response"]:
            dispute = self.dice.choice(found)
            self.stripe.back.give_again(dispute, self.dice.randrange(1, dispute["amount"] + 1))
            self.pile.append(("charge.dispute.funds_reinstated", dict(dispute)))

    def _hear_of_charges(self) -> None:
        """Stripe tells of saved cards that were charged."""
        for intent in self.charges():
            if intent["id"] not in self.told:
                self.told.add(intent["id"])
                self.pile.append(("payment_intent.succeeded", dict(intent)))

    # How it ends.

    async def finish(self, client: httpx.AsyncClient) -> None:
        """Whatever was asked is answered, what is under way ends, and all of it is told."""
        for _ in range(AGAIN_MAX):
            if not self.unanswered:
                break
            await self.ask_again(client)
        assert self.unanswered == {}
        while self._refunds("pending"):
            await self.send_back(client)
        self._hear_of_charges()
        self.dice.shuffle(self.pile)
        for _ in range(AGAIN_MAX):
            self.pile = [one for one in self.pile if not await self.tell(client, *one)]
            if not self.pile:
                return
        raise AssertionError(f"not taken: {self.pile}")

    def close_pages(self) -> None:
        """Nobody pays any more: pages expire."""
        for session in self._sessions():
            if session["status"] == "open":
                self.stripe.expire(session["id"])

    # What Stripe's books say.

    def paid_nanos(self, account_id: str) -> int:
        """What the paid balance has to be: in, less what went back, less what was spent."""
        cents: int = sum(
            one["amount_total"] for one in self._paid() if self._is_of(one, account_id)
        )
        cents += sum(one["amount"] for one in self.charges() if self._is_of(one, account_id))
        intents = {one["payment_intent"] for one in self._paid() if self._is_of(one, account_id)}
        for refund in self._refunds("succeeded"):
            if refund["payment_intent"] in intents:
                cents -= refund["amount"]
        for dispute in self._disputes():
            if dispute["payment_intent"] in intents:
                cents += sum(one["amount"] for one in dispute["balance_transactions"])
        return cents * CENT - self.spent_nanos[account_id]

    def entries(self, account_id: str) -> dict[str, int]:
        """By payment, what has to be credited once."""
        paid = {
            one["metadata"]["payment_id"]: one["amount_total"] * CENT
            for one in self._paid()
            if self._is_of(one, account_id)
        }
        charged = {
            one["metadata"]["payment_id"]: one["amount"] * CENT
            for one in self.charges()
            if self._is_of(one, account_id)
        }
        assert not paid.keys() & charged.keys()
        return paid | charged

    def parts(self) -> list[str]:
        """Our own refunds at Stripe, by the part that each was sent for."""
        found = [one["metadata"] for one in self.stripe.back.refunds.values() if one["metadata"]]
        return [one["part_id"] for one in found if one["account_id"] in self.spent_nanos]

    def charges(self) -> list[dict[str, Any]]:
        """Saved cards that were charged."""
        return [
            one
            for one in self.stripe.cards.paid()
            if one["metadata"]["account_id"] in self.spent_nanos
        ]

    def _sessions(self) -> list[dict[str, Any]]:
        return [
            one
            for one in self.stripe.sessions.values()
            if one["mode"] == "payment" and one["metadata"]["account_id"] in self.spent_nanos
        ]

    def _paid(self) -> list[dict[str, Any]]:
        return [one for one in self._sessions() if one["payment_status"] == "paid"]

    def _refunds(self, status: str) -> list[dict[str, Any]]:
        intents = {one["payment_intent"] for one in self._paid()}
        return [
            one
            for one in self.stripe.back.refunds.values()
            if one["status"] == status and one["payment_intent"] in intents
        ]

    def _disputes(self) -> list[dict[str, Any]]:
        intents = {one["payment_intent"] for one in self._paid()}
        return [
            one for one in self.stripe.back.disputes.values() if one["payment_intent"] in intents
        ]

    def _left(self, session: dict[str, Any]) -> int:
        """Cents of a payment that nobody took back; none where it is disputed."""
        intent_id = session["payment_intent"]
        if any(one["payment_intent"] == intent_id for one in self._disputes()):
            return 0
        gone = [one for one in self.stripe.back.listed(intent_id) if one["status"] != "failed"]
        left: int = session["amount_total"] - sum(one["amount"] for one in gone)
        return left

    @staticmethod
    def _is_of(told: dict[str, Any], account_id: str) -> bool:
        return bool(told["metadata"]["account_id"] == account_id)


THRESHOLD_NANOS = RELOAD_THRESHOLD * 10**9
CEILING_NANOS = THRESHOLD_NANOS + RELOAD_AMOUNT * 10**9
"""A charge made once per need never lifts a balance to this."""


async def check_books(platform: Platform, world: MoneyWorld) -> None:
    """Ledger and rows are what Stripe's books say: each payment credited once, each refund sent
    once, each need charged for once, and to be compared with them finds no difference."""
    began_at = platform.clock() - timedelta(days=400)
    parts = world.parts()
    assert len(parts) == len(set(parts))
    for account_id in world.spent_nanos:
        async with platform.connection() as connection:
            account = await read_account(connection, account_id, now=platform.clock())
            payments, _ = await list_payments(connection, account_id, before=None, limit=200)
            entries, _ = await list_entries(
                connection, account_id, before=None, kind=EntryKind.TOP_UP, limit=200
            )
            verified = await verify_ledger(connection, account_id=account_id)
        credited = [(entry.ref, entry.paid_delta_nanos) for entry in entries]
        assert len(credited) == len(world.entries(account_id))
        assert dict(credited) == world.entries(account_id)
        assert account.paid_nanos == world.paid_nanos(account_id)
        assert account.available_nanos == account.paid_nanos + account.promo_nanos
        assert not {one.status for one in payments} & OPEN_STATUSES
        assert verified.faults == []
        compared = await compare_payments(
            platform.connection, platform.checkout, since=began_at, account_id=account_id
        )
        assert compared.payments == len(payments)
        assert compared.differences == []
        if account_id in world.reloaders:
            assert THRESHOLD_NANOS <= account.paid_nanos < CEILING_NANOS, account
