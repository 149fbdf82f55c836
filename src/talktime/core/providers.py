"""Who a provider is, whatever a framework calls it.

Pipecat names the processor (``OpenAILLMService#0``), LiveKit the host of the API
(``api.openai.com``), people write ``OpenAI``. Prices are looked up under one id for all of them.
A name that we do not know stays as it is: it will find no price, and the line will be unpriced.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

ALIASES: Final[Mapping[str, str]] = {
    "11labs": "elevenlabs",
    "amazon": "aws",
    "aws-bedrock": "aws",
    "aws_bedrock": "aws",
    "awsbedrock": "aws",
    "azure-openai": "azure",
    "azure_openai": "azure",
    "azureopenai": "azure",
    "azureopenairealtime": "azure",
    "bedrock": "aws",
    "claude": "anthropic",
    "eleven": "elevenlabs",
    "eleven-labs": "elevenlabs",
    "eleven_labs": "elevenlabs",
    "gcp": "google",
    "gemini": "google",
    "geminilive": "google",
    "geminimultimodallive": "google",
    "google-cloud": "google",
    "googleai": "google",
    "googlevertex": "google",
    "grok": "x-ai",
    "microsoft": "azure",
    "mistralai": "mistral",
    "nexmo": "vonage",
    "openai-realtime": "openai",
    "openai_realtime": "openai",
    "openairealtime": "openai",
    "openairealtimebeta": "openai",
    "openairesponses": "openai",
    "togetherai": "together",
    "vertex": "google",
    "vertex-ai": "google",
    "vertexai": "google",
    "xai": "x-ai",
}

HOSTS: Final[Mapping[str, str]] = {
    "amazonaws.com": "aws",
    "anthropic.com": "anthropic",
    "assemblyai.com": "assemblyai",
    "azure.com": "azure",
    "cartesia.ai": "cartesia",
    "cerebras.ai": "cerebras",
    "cohere.com": "cohere",
    "deepgram.com": "deepgram",
    "deepseek.com": "deepseek",
    "elevenlabs.io": "elevenlabs",
    "fireworks.ai": "fireworks",
    "googleapis.com": "google",
    "groq.com": "groq",
    "microsoft.com": "azure",
    "mistral.ai": "mistral",
    "openai.com": "openai",
    "openrouter.ai": "openrouter",
    "perplexity.ai": "perplexity",
    "plivo.com": "plivo",
    "telnyx.com": "telnyx",
    "together.ai": "together",
    "together.xyz": "together",
    "twilio.com": "twilio",
    "vonage.com": "vonage",
    "x.ai": "x-ai",
}
"""Domains of the providers' own APIs; a host below one of them is that provider."""

_LABELS_MAX: Final = max(len(host.split(".")) for host in HOSTS)

_PROCESSOR = re.compile(
    r"(?P<vendor>[a-z0-9]+?)(?:http|websocket|stream|streaming|segmented)?(?:llm|stt|tts|s2s)?service"
)


@lru_cache(4096)
def provider_id(name: str) -> str:
    """The id that prices are kept under, in lower case: "OpenAILLMService#0" is "openai"."""
    name = name.strip().lower().partition("#")[0]
    if "." in name:
        return _by_host(name)
    processor = _PROCESSOR.fullmatch(name)
    if processor is not None:
        name = processor["vendor"]
    return ALIASES.get(name, name)


def _by_host(name: str) -> str:
    host = name.rpartition("://")[2].partition("/")[0].partition(":")[0]
    labels = host.split(".")[-_LABELS_MAX:]
    for i in range(len(labels) - 1):
        known = HOSTS.get(".".join(labels[i:]))
        if known is not None:
            return known
    return name
