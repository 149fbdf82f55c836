"""Pipecat: its service metrics become a call's usage.

    async with client.call(account_id="acme", call_id=call_sid, channel="phone") as call:
        worker = PipelineWorker(
            pipeline,
            params=PipelineParams(enable_metrics=True, enable_usage_metrics=True),
            observers=[usage_observer(call)],
        )
        ...  # leave the block after the runner has returned: the last STT usage comes late

Run with pipecat-ai 1.14. It is imported only when an observer is made, and is no dependency.
A reply that the caller interrupts brings no token usage from OpenAI-like services, and is then
missing here too.
"""

import importlib
import logging
import re
from collections.abc import Mapping
from typing import Any, Protocol

from talktime_sdk._errors import InvalidUsage, WrongState
from talktime_sdk._running import RunningCall
from talktime_sdk.session import CallSession

__all__ = ["UsageRecord", "count_usage", "provider_of", "usage_observer"]

logger = logging.getLogger("talktime_sdk")

_VARIANTS = "HTTP|Http|Realtime|Segmented|Sync|Responses|NonJson|Dialogue|Flux|Turns|Live|Agent|V1"
_CLASS = re.compile(rf"(\w+?)(?:{_VARIANTS})*(?:LLM|STT|TTS)?Service")
ALIASES: Mapping[str, str] = {
    "awsbedrock": "aws",
    "awsnovasonic": "aws",
    "awspolly": "aws",
    "awstranscribe": "aws",
    "fishaudio": "fish",
    "gemini": "google",
    "geminilivevertex": "google",
    "googlevertex": "google",
    "grok": "x-ai",
    "xai": "x-ai",
}


class UsageRecord(Protocol):
    """What ``on_service_usage`` of Pipecat's ServiceMetricsObserver hands out."""

    kind: Any
    processor: str
    model: str | None
    audio_seconds: float | None
    characters: int | None
    prompt_tokens: int | None
    completion_tokens: int | None
    total_tokens: int | None
    cache_read_input_tokens: int | None
    cache_creation_input_tokens: int | None
    input_audio_tokens: int | None
    output_audio_tokens: int | None
    cache_read_input_audio_tokens: int | None


def usage_observer(
    call: RunningCall | CallSession, *, providers: Mapping[str, str] | None = None
) -> Any:
    """A ServiceMetricsObserver that counts into ``call``.

    ``providers`` names the provider of a processor whose class does not tell it, by processor
    name or class: ``{"OpenAILLMService": "groq"}`` for an OpenAI client with another base URL.
    """
    metrics = importlib.import_module("pipecat.observers.service_metrics_observer")

    def count(_observer: object, record: UsageRecord) -> None:
        try:
            count_usage(call, record, providers=providers)
        except (InvalidUsage, WrongState):
            logger.exception("usage of %s could not be counted", record.processor)

    observer = metrics.ServiceMetricsObserver()
    observer.add_event_handler("on_service_usage", count)
    return observer


def count_usage(
    call: RunningCall | CallSession,
    record: UsageRecord,
    *,
    providers: Mapping[str, str] | None = None,
) -> None:
    """Count one record, an increment. Raises InvalidUsage where it makes no sense."""
    service = str(getattr(record.kind, "value", record.kind))
    quantities: dict[str, Any]
    if service == "llm":
        quantities = _tokens(record)
    elif service == "stt":
        quantities = {"audio_seconds": record.audio_seconds}
    else:
        quantities = {"characters": record.characters}
    quantities = {name: amount for name, amount in quantities.items() if amount}
    if quantities:
        provider = provider_of(record.processor, providers or {})
        call.add(service, provider, record.model or "", **quantities)  # type: ignore[arg-type]


def provider_of(processor: str, providers: Mapping[str, str]) -> str:
    """``OpenAILLMService#3`` is ``openai``: Pipecat names no providers, but numbers processors."""
    name = processor.partition("#")[0]
    for known in (processor, name):
        if known in providers:
            return providers[known]
    vendor = match[1].lower() if (match := _CLASS.fullmatch(name)) else name.lower()
    return ALIASES.get(vendor, vendor)


def _tokens(record: UsageRecord) -> dict[str, Any]:
    prompt, completion = record.prompt_tokens or 0, record.completion_tokens or 0
    cached = record.cache_read_input_tokens or 0
    written = record.cache_creation_input_tokens or 0
    # Anthropic and Bedrock tell the prompt without its cached parts, the others with them. The
    # total is always the whole, which gives the former away.
    if record.total_tokens == prompt + cached + written + completion:
        prompt += cached + written
    # Cached audio is billed as cached.
    audio = (record.input_audio_tokens or 0) - (record.cache_read_input_audio_tokens or 0)
    # Reasoning is inside the completion.
    return {
        "input_tokens": prompt,
        "cached_input_tokens": cached,
        "cache_write_tokens": written,
        "output_tokens": completion,
        "audio_input_tokens": max(0, audio),
        "audio_output_tokens": record.output_audio_tokens,
    }
