"""Auto-reload over the API, and the notice that a card was saved."""

from litestar import Litestar

from tests.api.account_client import (
    account_key,
    open_account,
    operator_client,
    problem,
)
from tests.api.test_top_ups import Till, till

__all__ = ["till"]

CHOICE = {
    "on": True,
    "threshold": "5",
    "amount": "25.00",
    "day_ceiling": "100",
    "month_ceiling": "500",
}


def place(account_id: str) -> str:
    return f"/v1/accounts/{account_id}/auto-reload"


async def test_from_off_to_a_saved_card(till: Till) -> None:
    """Off at first; chosen; the card saved on Stripe's page is known once its notice came."""
    account_id = await open_account(till.client)
    first = (await till.client.get(place(account_id))).json()
    assert (first["on"], first["card"], first["now"]) == (False, None, "off")
    chosen = await till.client.put(place(account_id), json=CHOICE)
    assert chosen.status_code == 200
    assert chosen.json()["now"] == "no_card"
    opened = await till.client.post(f"{place(account_id)}/card")
    assert opened.status_code == 201
    [session_id] = till.stripe.sessions
    assert opened.json()["url"] == till.stripe.sessions[session_id]["url"]
    session = till.stripe.cards.save(session_id, "pm_pays")
    told = session | {"setup_intent": "seti_1"}
    for _ in range(2):
        assert (await till.knock("checkout.session.completed", told)).json()["taken"]
    shown = (await till.client.get(place(account_id))).json()
    assert shown["card"] == {"brand": "visa", "last4": "4242"}
    assert shown["amount"] == "25"


async def test_a_finished_page_is_not_believed(till: Till) -> None:
    """A notice alone saves no card: Stripe itself is asked, and says that there is none."""
    account_id = await open_account(till.client)
    await till.client.post(f"{place(account_id)}/card")
    [session] = till.stripe.sessions.values()
    told = session | {"setup_intent": "seti_1", "status": "complete"}
    assert (await till.knock("checkout.session.completed", told)).status_code == 200
    assert (await till.client.get(place(account_id))).json()["card"] is None


async def test_what_is_refused(till: Till) -> None:
    """A figure nobody can mean, by its field; an account that is not there; another's key."""
    account_id = await open_account(till.client)
    refused = await till.client.put(place(account_id), json=CHOICE | {"amount": "4"})
    problem(refused, 400, "invalid_amount", "amount")
    problem(await till.client.put(place("nobody"), json=CHOICE), 404, "account_unknown")
    problem(await till.client.get(place("nobody")), 404, "account_unknown")
    other = await account_key(till.client, await open_account(till.client), ["top_ups:write"])
    answer = await till.client.put(place(account_id), json=CHOICE, headers=other)
    assert answer.status_code == 403


async def test_without_a_provider(app: Litestar) -> None:
    """Where nobody takes payments there is no auto-reload, and the answer says so."""
    async with operator_client(app) as client:
        account_id = await open_account(client)
        problem(await client.get(place(account_id)), 403, "top_ups_off")
