"""Against LiveKit itself, where ``pip install "livekit-agents[openai]==1.8.9"`` was done."""

import asyncio
import json
from typing import Any

import pytest

from talktime_sdk import TalktimeClient
from talktime_sdk.livekit import observe_session

agents = pytest.importorskip("livekit.agents", reason="livekit-agents is not installed")
openai = pytest.importorskip("livekit.plugins.openai")


async def test_a_real_session(server: Any, client: TalktimeClient) -> None:
    """A session with LiveKit's own OpenAI plugin is billed for both of its turns, once."""
    usage = {"prompt_tokens": 56, "completion_tokens": 22, "total_tokens": 78}
    chunks: list[dict[str, Any]] = [
        {"choices": [{"index": 0, "delta": {"role": "assistant", "content": "Hello."}}]},
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        {"choices": [], "usage": usage | {"prompt_tokens_details": {"cached_tokens": 28}}},
    ]
    whole = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o-mini"}
    stream = "".join(f"data: {json.dumps(whole | chunk)}\n\n" for chunk in chunks)
    stream_headers = {"Content-Type": "text/event-stream", "Connection": "close"}
    answer = (200, (stream + "data: [DONE]\n\n").encode(), stream_headers)
    server.script("POST completions", answer, answer)

    async with client.call(account_id="acme", call_id="CA1", channel="web") as call:
        llm = openai.LLM(model="gpt-4o-mini", base_url=f"{server.url}/v1", api_key="x")
        session = agents.AgentSession(llm=llm)
        host = server.url.removeprefix("http://")
        observe_session(call, session, providers={host: "openai"})
        closed = asyncio.Event()
        session.on("close", lambda _: closed.set())
        await session.start(agents.Agent(instructions="Be brief."))
        for said in ("Hi", "And?"):
            await asyncio.wait_for(session.run(user_input=said), 30)
        await session.aclose()
        await asyncio.wait_for(closed.wait(), 30)
    assert call.receipt is not None
    assert (server.ended["outcome"], server.ended["reason"]) == ("completed", "user_initiated")
    assert server.totals[("llm", "openai", "gpt-4o-mini", "")] == {
        "input_tokens": 112,
        "cached_input_tokens": 56,
        "output_tokens": 44,
    }
