from types import SimpleNamespace
from typing import Any

import pytest

from talktime_sdk import CallSession
from talktime_sdk.pipecat import count_usage, provider_of


def record(kind: str, **told: Any) -> Any:
    """A usage record as Pipecat makes it: what a service does not report is None."""
    names = (
        "model audio_seconds characters prompt_tokens completion_tokens total_tokens "
        "cache_read_input_tokens cache_creation_input_tokens reasoning_tokens input_audio_tokens "
        "output_audio_tokens cache_read_input_audio_tokens"
    )
    members = dict.fromkeys(names.split()) | {"processor": "OpenAILLMService#0", "kind": kind}
    return SimpleNamespace(**(members | told))


@pytest.mark.parametrize(
    ("processor", "provider"),
    [
        ("OpenAILLMService#0", "openai"),
        ("OpenAIResponsesHttpLLMService#12", "openai"),
        ("AWSBedrockLLMService#1", "aws"),
        ("DeepgramFluxSTTService#0", "deepgram"),
        ("CartesiaHttpTTSService#0", "cartesia"),
        ("GeminiLiveLLMService#0", "google"),
        ("XAITTSService#0", "x-ai"),
        ("my-own", "my-own"),
        ("FastLLMService#4", "groq"),
        ("named", "together"),
    ],
)
def test_providers(processor: str, provider: str) -> None:
    """A processor's class tells its provider, without the number that grows per process; where it
    does not, the platform says so."""
    given = {"FastLLMService": "groq", "named": "together"}
    assert provider_of(processor, given) == provider


@pytest.mark.parametrize(
    ("told", "quantities"),
    [
        (  # as OpenAI tells it: the prompt with its cached part, reasoning inside the completion
            {
                "prompt_tokens": 56,
                "cache_read_input_tokens": 28,
                "completion_tokens": 22,
                "reasoning_tokens": 6,
                "total_tokens": 78,
            },
            {"input_tokens": 56, "cached_input_tokens": 28, "output_tokens": 22},
        ),
        (  # as Anthropic tells it: the prompt without its cached parts
            {
                "prompt_tokens": 10,
                "cache_read_input_tokens": 90,
                "cache_creation_input_tokens": 50,
                "completion_tokens": 7,
                "total_tokens": 157,
            },
            {
                "input_tokens": 150,
                "cached_input_tokens": 90,
                "cache_write_tokens": 50,
                "output_tokens": 7,
            },
        ),
        (  # as a realtime model tells it: audio, of which some was cached
            {
                "prompt_tokens": 100,
                "cache_read_input_tokens": 40,
                "input_audio_tokens": 80,
                "cache_read_input_audio_tokens": 30,
                "completion_tokens": 60,
                "output_audio_tokens": 50,
                "total_tokens": 160,
            },
            {
                "input_tokens": 100,
                "cached_input_tokens": 40,
                "audio_input_tokens": 50,
                "output_tokens": 60,
                "audio_output_tokens": 50,
            },
        ),
    ],
)
def test_tokens(told: dict[str, int], quantities: dict[str, int]) -> None:
    """Whatever a provider's habit, input includes the cached tokens and output the reasoning."""
    session = CallSession(account_id="acme", call_id="CA1", channel="chat")
    count_usage(session, record("llm", model="m", **told))
    assert session.lines() == [
        {"service": "llm", "provider": "openai", "model": "m", "quantities": quantities}
    ]


def test_nothing_used_is_no_line() -> None:
    """A record of zeros, as after a reply that was cut off, makes no line."""
    session = CallSession(account_id="acme", call_id="CA1", channel="phone")
    count_usage(session, record("llm", prompt_tokens=0, completion_tokens=0, total_tokens=0))
    count_usage(session, record("stt", audio_seconds=0.0))
    assert session.lines() == []
