"""Coupons over HTTP: issued, previewed, redeemed, refused in words that programs know."""

import uuid
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from talktime.ops.guesses import COUPON_CODES
from talktime.ops.platform import Platform
from tests.api.account_client import (
    account_key,
    balances,
    entries,
    open_account,
    problem,
)


def new_code() -> str:
    return f"Spring-{uuid.uuid4().hex}"


async def issue(client: httpx.AsyncClient, **facts: Any) -> str:
    body = {"code": new_code(), "amount": "5.00", **facts}
    issued = await client.post("/v1/coupons", json=body)
    assert issued.status_code == 201, issued.text
    return str(body["code"])


async def test_a_coupon_is_issued_previewed_and_redeemed(client: httpx.AsyncClient) -> None:
    """The preview tells the bonus and changes nothing; redeeming answers 201 with the entry."""
    account_id = await open_account(client, paid="1")
    code = await issue(client)
    url = f"/v1/accounts/{account_id}/coupons"
    seen = await client.post(f"{url}/preview", json={"code": code})
    assert seen.status_code == 200
    assert seen.json() == {"code": code, "bonus": "5", "available_after": "6"}
    assert (await balances(client, account_id))["available"] == "1"
    redeemed = await client.post(f"{url}/redeem", json={"code": f" {code}\n"})
    assert redeemed.status_code == 201
    entry = redeemed.json()
    assert (entry["kind"], entry["ref"], entry["promo_delta"]) == ("coupon", code, "5")
    assert entry["available_after"] == "6"
    assert (await entries(client, account_id))[0] == entry
    account = await balances(client, account_id)
    assert (account["promo"], account["paid"]) == ("5", "1")


async def test_an_accounts_own_key_redeems_for_itself(client: httpx.AsyncClient) -> None:
    """It may enter a coupon for its account, and for no other."""
    account_id, other = await open_account(client), await open_account(client)
    own = await account_key(client, account_id, ["coupons:redeem"])
    code = await issue(client)
    for act in ("preview", "redeem"):
        refused = await client.post(
            f"/v1/accounts/{other}/coupons/{act}", headers=own, json={"code": code}
        )
        problem(refused, 403, "forbidden")
    redeemed = await client.post(
        f"/v1/accounts/{account_id}/coupons/redeem", headers=own, json={"code": code}
    )
    assert redeemed.status_code == 201
    assert await entries(client, other) == []


async def test_each_refusal_has_its_status_and_code(
    client: httpx.AsyncClient, platform: Platform
) -> None:
    """Unknown 404; already redeemed, used up, not yet valid 409; expired 410; none credits."""
    account_id = await open_account(client)
    soon = (platform.clock() + timedelta(hours=1)).isoformat()
    gone = (platform.clock() - timedelta(hours=1)).isoformat()
    once = await issue(client, max_redemptions=1)
    first = await open_account(client)
    await client.post(f"/v1/accounts/{first}/coupons/redeem", json={"code": once})
    cases = [
        (account_id, new_code(), 404, "coupon_unknown"),
        (account_id, "", 404, "coupon_unknown"),
        (account_id, once.swapcase(), 404, "coupon_unknown"),
        (account_id, (await issue(client)).swapcase(), 404, "coupon_unknown"),
        (account_id, await issue(client, only_account_id=first), 404, "coupon_unknown"),
        (account_id, await issue(client, starts_at=soon), 409, "coupon_not_yet_valid"),
        (first, once, 409, "coupon_already_redeemed"),
        (account_id, once, 409, "coupon_used_up"),
        (account_id, await issue(client, ends_at=gone), 410, "coupon_expired"),
    ]
    for who, code, status, refusal in cases:
        for act in ("preview", "redeem"):
            answer = await client.post(f"/v1/accounts/{who}/coupons/{act}", json={"code": code})
            problem(answer, status, refusal, "code")
    assert await entries(client, account_id) == []
    assert len(await entries(client, first)) == 1


async def test_guessing_answers_429_with_a_time_to_wait(client: httpx.AsyncClient) -> None:
    """After too many unknown codes even a right one is not looked at."""
    account_id = await open_account(client)
    url = f"/v1/accounts/{account_id}/coupons/redeem"
    for _ in range(COUPON_CODES.most):
        problem(await client.post(url, json={"code": new_code()}), 404, "coupon_unknown")
    refused = await client.post(url, json={"code": await issue(client)})
    problem(refused, 429, "too_many_attempts")
    assert int(refused.headers["retry-after"]) > 0
    assert await entries(client, account_id) == []


async def test_the_same_coupon_again_answers_200(client: httpx.AsyncClient) -> None:
    """A retry answers the coupon as it stands; other facts under its code are refused."""
    body = {
        "code": new_code(),
        "amount": "5.00",
        "max_redemptions": 10,
        "starts_at": "2026-01-01T00:00:00+02:00",
        "ends_at": "2100-01-01T00:00:00Z",
        "note": "booth",
    }
    first = await client.post("/v1/coupons", json=body)
    assert first.status_code == 201
    assert first.json() == {
        **body,
        "amount": "5",
        "starts_at": "2025-12-31T22:00:00Z",
        "redemptions": 0,
        "only_account_id": None,
        "new_account_days": None,
        "created_at": first.json()["created_at"],
    }
    account_id = await open_account(client)
    await client.post(f"/v1/accounts/{account_id}/coupons/redeem", json={"code": body["code"]})
    again = await client.post("/v1/coupons", json=body)
    assert (again.status_code, again.json()) == (200, {**first.json(), "redemptions": 1})
    for other in ({"amount": "6"}, {"max_redemptions": None}, {"ends_at": None}, {"note": None}):
        refused = await client.post("/v1/coupons", json={**body, **other})
        problem(refused, 409, "coupon_exists", "code")


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"code": "no"}, "invalid_input", "code"),
        ({"code": "two words"}, "invalid_input", "code"),
        ({"amount": "0"}, "invalid_amount", "amount"),
        ({"amount": "-5"}, "invalid_amount", "amount"),
        ({"amount": 5}, "invalid_amount", "amount"),
        ({"amount": "10000.000000001"}, "invalid_amount", "amount"),
        ({"max_redemptions": 0}, "invalid_input", "max_redemptions"),
        ({"starts_at": "2026-01-01T00:00:00"}, "invalid_input", "starts_at"),
        (
            {"starts_at": "2026-01-02T00:00:00Z", "ends_at": "2026-01-01T00:00:00Z"},
            "invalid_input",
            "ends_at",
        ),
        ({"redemptions": 5}, "invalid_input", "redemptions"),
        ({"new_account_days": 0}, "invalid_input", "new_account_days"),
    ],
)
async def test_a_bad_coupon_answers_400(
    client: httpx.AsyncClient, change: dict[str, object], code: str, field: str
) -> None:
    """The problem names the member, and there is no such coupon."""
    account_id = await open_account(client)
    body = {"code": new_code(), "amount": "5", **change}
    problem(await client.post("/v1/coupons", json=body), 400, code, field)
    answer = await client.post(
        f"/v1/accounts/{account_id}/coupons/preview", json={"code": body["code"]}
    )
    problem(answer, 404, "coupon_unknown")


async def test_coupons_are_listed_by_cursor(client: httpx.AsyncClient) -> None:
    """The operator sees each coupon once, with how often it was redeemed."""
    codes = sorted([await issue(client, note="list") for _ in range(3)])
    seen: list[dict[str, Any]] = []
    cursor: str | None = codes[0][:-1]
    while cursor is not None:
        page = await client.get("/v1/coupons", params={"limit": 2, "cursor": cursor})
        assert page.status_code == 200
        seen += page.json()["items"]
        cursor = page.json()["next_cursor"]
    assert set(codes) <= {coupon["code"] for coupon in seen}
    assert len(seen) == len({coupon["code"] for coupon in seen})


async def test_a_coupon_not_yet_valid_says_from_when(
    client: httpx.AsyncClient, platform: Platform
) -> None:
    """The problem has the moment from which the coupon counts, for programs."""
    soon = (platform.clock() + timedelta(hours=1)).replace(microsecond=0)
    code = await issue(client, starts_at=soon.isoformat())
    answer = await client.post(
        f"/v1/accounts/{await open_account(client)}/coupons/redeem", json={"code": code}
    )
    told = problem(answer, 409, "coupon_not_yet_valid", "code")["starts_at"]
    assert datetime.fromisoformat(told) == soon


async def test_a_coupon_redeemed_before_says_when(client: httpx.AsyncClient) -> None:
    """The problem has the entry that credited it, for programs that lost the first answer."""
    account_id = await open_account(client)
    url = f"/v1/accounts/{account_id}/coupons/redeem"
    code = await issue(client)
    entry = (await client.post(url, json={"code": code})).json()
    told = problem(await client.post(url, json={"code": code}), 409, "coupon_already_redeemed")
    assert (told["entry_seq"], told["amount"]) == (entry["seq"], "5")
    assert told["redeemed_at"] == entry["recorded_at"]


async def test_only_the_letter_case_is_wrong(client: httpx.AsyncClient) -> None:
    """The advice to people differs from that for any other unknown code; the code does not."""
    account_id = await open_account(client)
    url = f"/v1/accounts/{account_id}/coupons/preview"
    code = await issue(client)
    near = problem(await client.post(url, json={"code": code.upper()}), 404, "coupon_unknown")
    far = problem(await client.post(url, json={"code": new_code()}), 404, "coupon_unknown")
    assert "letter case" in near["detail"]
    assert code not in str(near)
    assert near["detail"] != far["detail"]


async def test_a_coupon_can_be_for_one_account(client: httpx.AsyncClient) -> None:
    """Its own account redeems it; an account that there is not can have none."""
    account_id = await open_account(client)
    code = await issue(client, only_account_id=account_id)
    redeemed = await client.post(f"/v1/accounts/{account_id}/coupons/redeem", json={"code": code})
    assert redeemed.status_code == 201
    body = {"code": new_code(), "amount": "1", "only_account_id": "acct-nobody"}
    problem(await client.post("/v1/coupons", json=body), 404, "account_unknown", "only_account_id")
    body["only_account_id"] = "a\x00b"
    problem(await client.post("/v1/coupons", json=body), 400, "invalid_input", "only_account_id")


async def test_a_coupon_shows_who_redeemed_it(client: httpx.AsyncClient) -> None:
    """One coupon by its exact code, and its uses page by page, each with its entry."""
    code = await issue(client, note="booth")
    accounts = sorted([await open_account(client) for _ in range(3)])
    for account_id in accounts:
        await client.post(f"/v1/accounts/{account_id}/coupons/redeem", json={"code": code})
    coupon = (await client.get(f"/v1/coupons/{code}")).json()
    assert (coupon["code"], coupon["note"], coupon["redemptions"]) == (code, "booth", 3)
    url = f"/v1/coupons/{code}/redemptions"
    first = (await client.get(url, params={"limit": 2})).json()
    rest = (await client.get(url, params={"limit": 2, "cursor": first["next_cursor"]})).json()
    uses = first["items"] + rest["items"]
    assert ([use["account_id"] for use in uses], rest["next_cursor"]) == (accounts, None)
    for use in uses:
        [entry] = await entries(client, use["account_id"])
        assert (use["entry_seq"], use["amount"]) == (entry["seq"], "5")
        assert use["redeemed_at"] == entry["recorded_at"]
    for path in (code.swapcase(), f"{code.swapcase()}/redemptions"):
        problem(await client.get(f"/v1/coupons/{path}"), 404, "coupon_unknown", "code")
