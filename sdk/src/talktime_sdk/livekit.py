"""LiveKit Agents: what an AgentSession used becomes a call's usage.

    async with client.call(account_id="acme", call_id=ctx.job.id, channel="web") as call:
        session = AgentSession(stt=..., llm=..., tts=...)
        observe_session(call, session)
        closed = asyncio.Event()
        session.on("close", lambda _: closed.set())
        await session.start(Assistant(), room=ctx.room)
        await closed.wait()  # leave the block only after this: closing tells the last usage

Run with livekit-agents 1.8. It is never imported, and is no dependency. A reply that the caller
interrupts brings no token usage from OpenAI-like services, and is then missing here too.
"""

import logging
import re
from collections.abc import Mapping
from typing import Any

from talktime_sdk._errors import InvalidUsage, WrongState
from talktime_sdk._running import RunningCall
from talktime_sdk.session import CallSession

__all__ = ["count_usage", "observe_session", "provider_of"]

logger = logging.getLogger("talktime_sdk")

_API_HOST = re.compile(r"api\.([a-z0-9-]{2,})\.[a-z]+(?::\d+)?")
ALIASES: Mapping[str, str] = {
    "api.x.ai": "x-ai",
    "gemini": "google",
    "google cloud platform": "google",
    "vertex ai": "google",
}


def observe_session(
    call: RunningCall,
    session: Any,
    *,
    providers: Mapping[str, str] | None = None,
    source: str = "",
) -> None:
    """Count what an AgentSession uses into ``call`` until it closes; to be called before its start.

    Its close ends the call as ``completed``, or as ``failed`` where it closes by an error, unless
    ``end_as`` was said before. ``providers`` names providers that LiveKit tells otherwise:
    ``{"127.0.0.1:9100": "my-own"}``. A second session of the same call counts from zero again: give
    it a ``source`` of its own.
    """

    def count(event: Any) -> None:
        _count_all(call, event.usage, providers or {}, source)

    def close(event: Any) -> None:
        _count_all(call, session.usage, providers or {}, source)
        if call.outcome is not None:
            return
        if event.error is not None:
            call.end_as("failed", type(event.error).__name__)
        else:
            # LiveKit may cancel the job before the block is left, which would say `canceled`.
            call.end_as("completed", str(getattr(event.reason, "value", event.reason)))

    session.on("session_usage_updated", count)
    session.on("close", close)


def count_usage(
    call: RunningCall | CallSession,
    usage: Any,
    *,
    providers: Mapping[str, str] | None = None,
    source: str = "",
) -> None:
    """Take one member of a session's ``usage.model_usage``, totals since the session began.

    Raises InvalidUsage where it makes no sense. Kinds that no service line has, such as the
    detection of turns, are passed over.
    """
    match usage.type:
        case "llm_usage":
            service, quantities = "llm", _tokens(usage)
        case "stt_usage":
            service, quantities = "stt", {"audio_seconds": usage.audio_duration}
        case "tts_usage" if usage.characters_count:
            service, quantities = "tts", {"characters": usage.characters_count}
        case "tts_usage":
            service, quantities = "tts", {"audio_seconds": usage.audio_duration}
        case _:
            return
    told = {name: amount for name, amount in quantities.items() if amount}
    if told:
        provider = provider_of(usage.provider, providers or {})
        call.set_totals(service, provider, usage.model, source=source, **told)  # type: ignore[arg-type]


def provider_of(told: str, providers: Mapping[str, str]) -> str:
    """``api.openai.com`` is ``openai``: several plugins tell their API's host."""
    name = told.strip().lower()
    for known in (told, name):
        if known in providers:
            return providers[known]
    if name in ALIASES:
        return ALIASES[name]
    return host[1] if (host := _API_HOST.fullmatch(name)) else name


def _count_all(call: RunningCall, usage: Any, providers: Mapping[str, str], source: str) -> None:
    for one in usage.model_usage:
        try:
            count_usage(call, one, providers=providers, source=source)
        except (InvalidUsage, WrongState):
            logger.exception("usage of %s %s could not be counted", one.provider, one.model)


def _tokens(usage: Any) -> dict[str, Any]:
    cached, written = usage.input_cached_tokens, usage.input_cache_creation_tokens
    # Cached audio is billed as cached.
    audio = max(0, usage.input_audio_tokens - usage.input_cached_audio_tokens)
    # Reasoning is inside the output.
    return {
        # The whole, with its parts; a plugin that tells it without them is given away by this.
        "input_tokens": max(usage.input_tokens, cached + written + audio),
        "cached_input_tokens": cached,
        "cache_write_tokens": written,
        "output_tokens": max(usage.output_tokens, usage.output_audio_tokens),
        "audio_input_tokens": audio,
        "audio_output_tokens": usage.output_audio_tokens,
    }
