"""Spend and estimates over HTTP."""

from decimal import Decimal
from typing import Any

import pytest

from talktime.core.call import Outcome
from talktime.core.plan import ASSUMPTIONS
from talktime.core.ratecard import Channel
from talktime.ops import spend
from talktime.ops.platform import Platform
from tests.acting import MINUTE_BY_PHONE, Bots
from tests.api.caller import Caller, told
from tests.conftest import AccountFactory

Json = dict[str, Any]

MODELS = {
    "llm": {"provider": "openai", "model": "gpt-4.1-mini"},
    "stt": {"provider": "deepgram", "model": "nova-3"},
    "tts": {"provider": "elevenlabs", "model": "eleven_flash_v2_5"},
    "sip": {"provider": "twilio", "model": "inbound"},
}
USAGE = [
    {
        "service": "llm",
        "provider": "openai",
        "model": "gpt-4.1-mini",
        "quantities": {
            "input_tokens": 31_337,
            "cached_input_tokens": 12_345,
            "output_tokens": 777,
        },
    },
    {
        "service": "stt",
        "provider": "DeepgramSTTService#0",
        "model": "nova-3-general",
        "quantities": {"audio_seconds": "101.237"},
    },
    {
        "service": "tts",
        "provider": "elevenlabs",
        "model": "eleven_flash_v2_5",
        "quantities": {"characters": 1_499},
    },
    {
        "service": "sip",
        "provider": "twilio",
        "model": "outbound",
        "quantities": {"seconds": "181.5"},
    },
]


@pytest.fixture
async def bots(platform: Platform, make_account: AccountFactory) -> Bots:
    return Bots(platform, await make_account(paid="5"))


def usd(text: str) -> Decimal:
    return Decimal(text)


async def test_an_estimate_of_a_real_calls_usage_is_its_charge(api: Caller, bots: Bots) -> None:
    """The same quantities cost the same to the nano, estimated or charged."""
    start = {"account_id": bots.account_id, "call_id": "real", "channel": "phone"}
    told(await api.ask("POST", "/v1/calls", json=start), 201)
    end = {"outcome": "completed", "duration_seconds": 181, "lines": USAGE}
    call = told(await api.ask("POST", f"/v1/accounts/{bots.account_id}/calls/real/end", json=end))
    assert call["charge"] is not None
    for path in (f"/v1/accounts/{bots.account_id}/estimates", "/v1/estimates"):
        plan = {"channel": "phone", "minutes_per_call": 3, "lines": USAGE}
        found = told(await api.ask("POST", path, json=plan))
        for name in ("charge", "margin", "provider_cost"):
            assert found[name] == call[name]
        assert [line["cost"] for line in found["lines"]] == [line["cost"] for line in call["lines"]]
        assert found["talk"] is None
        assert usd(found["charge_per_month"]) == usd(call["charge"]) * 1_000


async def test_a_planned_call_states_every_assumption(api: Caller, bots: Bots) -> None:
    """What was sent counts, what was not is stated with where it came from."""
    path = f"/v1/accounts/{bots.account_id}/estimates"
    plan: Json = {"channel": "phone", "models": MODELS, "talk": {"bot_speaks_percent": 40.5}}
    found = told(await api.ask("POST", path, json=plan))
    assert set(found["talk"]) == set(ASSUMPTIONS)
    assert found["talk"]["bot_speaks_percent"] == "40.5"
    assert found["taken_from_calls"] == 0
    assert found["minutes_per_call"] == "3"
    assert found["calls_per_month"] == 1_000
    assert usd(found["charge"]) == usd(found["provider_cost"]) + usd(found["margin"])
    left = usd("5") / usd(found["charge"]) * 180
    assert found["talk_time_left_seconds"] == int(left)

    await bots.call("CA1", *MINUTE_BY_PHONE, seconds=60)
    found = told(await api.ask("POST", path, json=plan))
    assert found["taken_from_calls"] == 1
    assert found["minutes_per_call"] == "1"


async def test_the_accounts_own_margin_counts(api: Caller, bots: Bots) -> None:
    """An account's estimate has its margin, the platform's estimate that of the platform."""
    plan = {"channel": "phone", "models": MODELS}
    account = f"/v1/accounts/{bots.account_id}"
    told(await api.ask("PATCH", account, json={"margin_rate": "0.1"}))
    own = told(await api.ask("POST", f"{account}/estimates", json=plan))
    usual = told(await api.ask("POST", "/v1/estimates", json=plan))
    assert (own["margin_rate"], usual["margin_rate"]) == ("0.1", "0.3")
    assert own["provider_cost"] == usual["provider_cost"]
    assert usual["talk_time_left_seconds"] is None


async def test_a_model_without_a_price_is_never_free(api: Caller) -> None:
    """An unknown model leaves every amount null and names the line."""
    models = {**MODELS, "tts": {"provider": "nobody", "model": "voice"}}
    found = told(
        await api.ask(
            "POST",
            "/v1/estimates",
            json={
                "channel": "web",
                "models": {name: models[name] for name in ("llm", "stt", "tts")},
            },
        )
    )
    for name in ("charge", "margin", "provider_cost", "charge_per_minute", "charge_per_month"):
        assert found[name] is None
    assert [line["provider"] for line in found["unpriced"]] == ["nobody"]


@pytest.mark.parametrize(
    ("plan", "code", "field"),
    [
        ({"channel": "chat", "models": MODELS}, "line_not_allowed", "stt"),
        ({"channel": "phone"}, "invalid_input", "models"),
        ({"channel": "phone", "models": MODELS, "lines": []}, "invalid_input", "lines"),
        (
            {"channel": "phone", "models": MODELS, "minutes_per_call": 0},
            "invalid_input",
            "minutes_per_call",
        ),
        (
            {"channel": "phone", "models": MODELS, "talk": {"cached_percent": 101}},
            "invalid_input",
            "cached_percent",
        ),
        (
            {"channel": "phone", "models": MODELS, "talk": {"cached_percent": "1e1"}},
            "invalid_input",
            "cached_percent",
        ),
        (
            {"channel": "phone", "models": {"llm": {"provider": " "}}},
            "invalid_input",
            "models.llm",
        ),
        ({"channel": "fax", "models": MODELS}, "invalid_input", "channel"),
    ],
)
async def test_a_wrong_plan_is_refused_by_its_member(
    api: Caller, plan: Json, code: str, field: str
) -> None:
    """Each refusal names what is wrong."""
    refused = await api.ask("POST", "/v1/estimates", json=plan)
    assert refused.status_code == 400
    assert (refused.json()["code"], refused.json()["field"]) == (code, field)


async def test_spend_adds_up_every_way(api: Caller, bots: Bots) -> None:
    """Lines with margin, days, channels and agents each come to the charge."""
    await bots.call("p", *MINUTE_BY_PHONE, agent_id="desk")
    await bots.call("w", *MINUTE_BY_PHONE[:3], channel=Channel.WEB, seconds=30)
    await bots.call("f", outcome=Outcome.NO_ANSWER)
    found = told(await api.ask("GET", f"/v1/accounts/{bots.account_id}/spend"))
    assert found["charge"] == "0.0949"
    assert found["calls"] == 2
    charge = usd(found["charge"])
    assert sum(map(usd, found["by_line"].values())) == charge
    for group in ("by_day", "by_channel", "by_agent"):
        assert sum(usd(one["charge"]) for one in found[group]) == charge, group
    for day in found["by_day"]:
        assert sum(map(usd, day["by_line"].values())) == usd(day["charge"])
    assert sum(usd(one["provider_cost"]) for one in found["by_model"]) == usd(
        found["provider_cost"]
    )
    assert {one["agent_id"] for one in found["by_agent"]} == {"desk", None}
    assert [one["call_id"] for one in found["dearest"]] == ["p", "w"]
    assert found["free"] == [{"reason": "no_answer", "calls": 1}]


@pytest.mark.parametrize(
    ("asked", "code", "field"),
    [
        ("from_date=2026-11-02&to_date=2026-11-01", "invalid_input", "to_date"),
        ("from_date=2020-01-01&to_date=2026-11-01", "range_too_wide", "from_date"),
        ("from_date=0001-01-01&to_date=0001-01-01", "invalid_input", "from_date"),
        ("from_date=9999-12-31&to_date=9999-12-31", "invalid_input", "from_date"),
        ("from_date=soon", "invalid_input", "from_date"),
    ],
)
async def test_days_that_make_no_period_are_refused(
    api: Caller, bots: Bots, asked: str, code: str, field: str
) -> None:
    """A period that ends before it begins, is too long or off the calendar is refused."""
    refused = await api.ask("GET", f"/v1/accounts/{bots.account_id}/spend?{asked}")
    assert refused.status_code == 400
    assert refused.json()["code"] == code
    assert refused.json()["field"] == field


async def test_too_many_calls_are_refused_with_what_to_do(
    api: Caller, bots: Bots, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too many calls to tell apart: the refusal says to ask for fewer days."""
    await bots.call("p", *MINUTE_BY_PHONE)
    monkeypatch.setattr(spend, "CALLS_MAX", 0)
    refused = await api.ask("GET", f"/v1/accounts/{bots.account_id}/spend")
    assert refused.status_code == 400
    assert refused.json()["code"] == "range_too_wide"
    assert "fewer days" in refused.json()["detail"]


async def test_an_unknown_account_has_neither(api: Caller) -> None:
    """Both are refused for an account that does not exist."""
    plan = {"channel": "phone", "models": MODELS}
    for refused in (
        await api.ask("GET", "/v1/accounts/nobody/spend"),
        await api.ask("POST", "/v1/accounts/nobody/estimates", json=plan),
    ):
        assert refused.status_code == 404
        assert refused.json()["code"] == "account_unknown"
