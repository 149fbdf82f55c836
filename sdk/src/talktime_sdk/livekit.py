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
from decimal import Decimal
from typing import Any

from talktime_sdk._errors import InvalidUsage, WrongState
from talktime_sdk._running import RunningCall
from talktime_sdk._totals import LineKey, line_key, read_figures
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

    Its close ends the call as ``completed``, or as ``failed`` where any of its sessions closes by
    an error, unless ``end_as`` was said. ``providers`` names providers that LiveKit tells
    otherwise: ``{"127.0.0.1:9100": "my-own"}``. A second session of the same call counts from zero
    again: give it a ``source`` of its own.
    """

    def count(event: Any) -> None:
        count_usage(call, event.usage, providers=providers, source=source)

    def close(event: Any) -> None:
        count_usage(call, session.usage, providers=providers, source=source)
        if event.error is not None:
            call.presume("failed", type(event.error).__name__)
        else:
            # LiveKit may cancel the job before the block is left, which would say `canceled`.
            call.presume("completed", str(getattr(event.reason, "value", event.reason)))

    session.on("session_usage_updated", count)
    session.on("close", close)


def count_usage(
    call: RunningCall | CallSession,
    usage: Any,
    *,
    providers: Mapping[str, str] | None = None,
    source: str = "",
) -> None:
    """Take a session's ``usage``, totals since the session began.

    Members that fold into one line, such as a provider told by two names, add up. One that makes
    no sense is logged and left out. Kinds that no service line has, such as the detection of turns,
    are passed over.
    """
    lines: dict[LineKey, dict[str, Decimal]] = {}
    for member in usage.model_usage:
        service, told = _quantities(member)
        if not told:
            continue
        try:
            provider = provider_of(member.provider, providers or {})
            key = line_key(service, provider, member.model, source)
            read_figures(service, told, None)
        except InvalidUsage:
            logger.exception("usage of %s %s could not be read", member.provider, member.model)
            continue
        line = lines.setdefault(key, {})
        for name, amount in told.items():
            line[name] = line.get(name, Decimal()) + Decimal(str(amount))
    for key, sums in lines.items():
        try:
            call.set_totals(key.service, key.provider, key.model, source=key.source, **sums)  # type: ignore[arg-type]
        except (InvalidUsage, WrongState):
            logger.exception("usage of %s %s could not be counted", key.provider, key.model)


def provider_of(told: str, providers: Mapping[str, str]) -> str:
    """``api.openai.com`` is ``openai``: several plugins tell their API's host."""
    name = told.strip().lower()
    for known in (told, name):
        if known in providers:
            return providers[known]
    if name in ALIASES:
        return ALIASES[name]
    return host[1] if (host := _API_HOST.fullmatch(name)) else name


def _quantities(member: Any) -> tuple[str, dict[str, Any]]:
    """The service that a member is of, and what of it was used; nothing where no line has it."""
    quantities: dict[str, Any]
    match member.type:
        case "llm_usage":
            service, quantities = "llm", _tokens(member)
        case "stt_usage":
            service, quantities = "stt", {"audio_seconds": member.audio_duration}
        case "tts_usage" if member.characters_count:
            service, quantities = "tts", {"characters": member.characters_count}
        case "tts_usage":
            service, quantities = "tts", {"audio_seconds": member.audio_duration}
        case _:
            service, quantities = "", {}
    return service, {name: amount for name, amount in quantities.items() if amount}


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
