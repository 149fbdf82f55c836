"""Acts in bulk: an answer per item, in order, and no item harms another."""

from collections.abc import Awaitable, Callable

from tests.api.caller import WORKED_EXAMPLE, Caller, Json, refused, told

MakeAccount = Callable[..., Awaitable[str]]


async def items(api: Caller, act: str, batch: list[Json]) -> list[Json]:
    answer = told(await api.ask("POST", f"/v1/batch/{act}", {"items": batch}))
    return list(answer["items"])


async def test_the_gate_in_bulk(api: Caller, make_account: MakeAccount) -> None:
    """Starts are judged in the order given; each answer is that of the single request."""
    account_id = await make_account(paid="0.25")

    def start(call_id: object, **facts: object) -> Json:
        return {"account_id": account_id, "call_id": call_id, "channel": "web", **facts}

    answers = await items(
        api,
        "start",
        [
            start("a"),
            start("b", channel="fax"),
            start("a"),
            start("a", agent_id="other"),
            start("c"),
            start("d"),
            {"account_id": "nobody-4711", "call_id": "e", "channel": "web"},
            start(5),
            [],  # type: ignore[list-item]
        ],
    )
    assert [answer["status"] for answer in answers] == [201, 400, 200, 409, 201, 402, 404, 400, 400]
    assert [answer.get("problem", {}).get("code") for answer in answers] == [
        None,
        "invalid_input",
        None,
        "call_id_conflict",
        None,
        "insufficient_credits",
        "account_unknown",
        "invalid_input",
        "invalid_input",
    ]
    assert answers[1]["problem"]["field"] == "channel"
    assert answers[5]["problem"]["startable"] == "0.05"
    assert answers[0]["body"]["hold"] == "0.1"
    assert told(await api.start(account_id, "a"), 200) == answers[2]["body"] | {
        "held": "0.2",
        "startable": "0.05",
    }


async def test_usage_and_ends_in_bulk(api: Caller, make_account: MakeAccount) -> None:
    """Reports and ends go together; the same end twice is one settlement."""
    account_id = await make_account(paid="1")
    calls = [{"account_id": account_id, "call_id": f"c{i}"} for i in range(3)]
    await items(api, "start", [{**call, "channel": "phone"} for call in calls])
    reports: list[Json] = [{**call, "lines": WORKED_EXAMPLE} for call in calls]
    reports[1]["lines"] = [{"service": "fax"}]
    answers = await items(api, "usage", reports)
    assert [answer["status"] for answer in answers] == [200, 400, 200]
    assert answers[0]["body"]["accrued_charge"] == "0.052"
    assert answers[1]["problem"]["field"] == "lines[0].service"

    ends = [{**calls[i], "outcome": "completed"} for i in (0, 0, 1, 2)]
    ends.append({**calls[2], "outcome": "failed"})
    answers = await items(api, "end", ends)
    assert [answer["status"] for answer in answers] == [200, 200, 200, 200, 409]
    assert answers[0]["body"] == answers[1]["body"]
    assert answers[0]["body"]["charge"] == "0.052"
    account = await api.account(account_id)
    assert (account["available"], account["held"]) == ("0.896", "0")


async def test_limits_of_a_batch(api: Caller) -> None:
    """At most 1,000 items; none is fine; the whole must be JSON with items."""
    assert await items(api, "end", []) == []
    many: dict[str, list[object]] = {"items": [{}] * 1001}
    refused(await api.ask("POST", "/v1/batch/usage", many), 400, "too_many", "items")
    refused(await api.ask("POST", "/v1/batch/start", {}), 400, "invalid_input", "items")
    refused(await api.ask("POST", "/v1/batch/start", {"items": 1}), 400, "invalid_input", "items")
    refused(await api.ask("POST", "/v1/batch/start", b"[{"), 400, "invalid_input")
    assert [answer["status"] for answer in await items(api, "end", [{}] * 1000)] == [400] * 1000
