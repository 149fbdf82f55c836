"""Webhooks as hosted bots send them, handed to the handlers of docs/how-to/bill-hosted-bots.md.

Prints how each call was billed; run as ``python hosted_bots.py FILE_OF_THE_HANDLERS``.
"""

import asyncio
import os
import runpy
import sys
from typing import Any

from talktime_sdk import CallReceipt, TalktimeClient

COSTS = [
    {"type": "transport", "minutes": 1.0, "cost": 0.007},
    {"type": "transcriber", "minutes": 1.0, "cost": 0.006},
    {"type": "model", "cost": 0.005},
    {"type": "voice", "cost": 0.01},
    {"type": "voice", "cost": 0.012000000000000002},
]


def of_vapi(kind: str, call_id: str, **more: Any) -> dict[str, Any]:
    return {"message": {"type": kind, "call": {"id": call_id, "type": "inboundPhoneCall"}} | more}


def of_retell(event: str, call_id: str, **more: Any) -> dict[str, Any]:
    call = {"call_id": "r1", "call_type": "phone_call", "metadata": {"talktime_call_id": call_id}}
    return {"event": event, "call": call | more}


def tell(what: str, call: CallReceipt) -> None:
    print(what, call.outcome, call.charge, call.duration_seconds)


async def bill_vapi(client: TalktimeClient, on_vapi: Any) -> None:
    """Twice each, as webhooks come; then one that is busy, and one whose account has no money."""
    for _ in range(2):
        request = of_vapi("assistant-request", "v1")
        assert await on_vapi(client, "acme", request, "asst") == {"assistantId": "asst"}
        await on_vapi(client, "acme", of_vapi("status-update", "v1", status="in-progress"), "asst")
    times = {"startedAt": "2026-11-23T12:00:00.000Z", "endedAt": "2026-11-23T12:00:00.250Z"}
    report = of_vapi(
        "end-of-call-report", "v1", endedReason="customer-ended-call", costs=COSTS, **times
    )
    for _ in range(2):
        await on_vapi(client, "acme", report, "asst")
    tell("vapi", await client.get_call("acme", "v1"))
    await on_vapi(client, "acme", of_vapi("assistant-request", "v2"), "asst")
    busy = of_vapi("end-of-call-report", "v2", endedReason="customer-busy")
    await on_vapi(client, "acme", busy, "asst")
    tell("vapi", await client.get_call("acme", "v2"))
    refused = await on_vapi(client, "poor", of_vapi("assistant-request", "v3"), "asst")
    assert list(refused) == ["error"]
    report = of_vapi("end-of-call-report", "v3", endedReason="assistant-request-returned-error")
    assert await on_vapi(client, "poor", report, "asst") == {}


async def bill_retell(client: TalktimeClient, on_retell: Any) -> None:
    """The costs come with the second word of the end."""
    answer = await on_retell(client, "acme", {"event": "call_inbound"}, "agent")
    assert answer["call_inbound"]["override_agent_id"] == "agent"
    call_id = answer["call_inbound"]["metadata"]["talktime_call_id"]
    await on_retell(client, "acme", of_retell("call_started", call_id), "agent")
    ended = {"disconnection_reason": "user_hangup", "duration_ms": 250}
    products = [
        {"product": "elevenlabs_tts", "cost": 2.2},
        {"product": "gpt_4o_mini", "cost": 1.1},
        {"product": "us_telephony", "cost": 0.7},
    ]
    await on_retell(client, "acme", of_retell("call_ended", call_id, **ended), "agent")
    ended["call_cost"] = {"product_costs": products}
    for _ in range(2):
        await on_retell(client, "acme", of_retell("call_analyzed", call_id, **ended), "agent")
    tell("retell", await client.get_call("acme", call_id))
    refused = await on_retell(client, "poor", {"event": "call_inbound"}, "agent")
    assert refused == {"call_inbound": {}}


async def bill_twilio(client: TalktimeClient, on_twilio_status: Any) -> None:
    await client.start_call(account_id="acme", call_id="CA9", channel="phone")
    for status in ("ringing", "no-answer", "failed"):
        await on_twilio_status(client, "acme", {"CallSid": "CA9", "CallStatus": status})
    tell("twilio", await client.get_call("acme", "CA9"))


async def main() -> None:
    page = runpy.run_path(sys.argv[1])
    async with TalktimeClient(os.environ["TALKTIME_URL"], os.environ["TALKTIME_KEY"]) as client:
        await client.create_account(
            account_id="acme", name="Acme", email="pat@acme.example", verified=True
        )
        await client.create_account(account_id="poor", name="Poor", email="pat@poor.example")
        await bill_vapi(client, page["on_vapi"])
        await bill_retell(client, page["on_retell"])
        await bill_twilio(client, page["on_twilio_status"])


if __name__ == "__main__":
    asyncio.run(main())
