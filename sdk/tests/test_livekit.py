import asyncio
import contextlib
from types import SimpleNamespace
from typing import Any

import pytest

from talktime_sdk import CallSession, TalktimeClient
from talktime_sdk.livekit import count_usage, observe_session, provider_of

TOKENS = (
    "input_tokens input_cached_tokens input_cache_creation_tokens input_audio_tokens "
    "input_cached_audio_tokens output_tokens output_audio_tokens"
)


def llm_usage(**told: Any) -> Any:
    """A model's usage as LiveKit tells it: what was not used is zero."""
    names = {"type": "llm_usage", "provider": "api.openai.com", "model": "m"}
    return SimpleNamespace(**(dict.fromkeys(TOKENS.split(), 0) | names | told))


def tts_usage(characters: int, seconds: float) -> Any:
    return SimpleNamespace(
        type="tts_usage",
        provider="Cartesia",
        model="sonic-2",
        characters_count=characters,
        audio_duration=seconds,
    )


def told_of(*members: Any) -> Any:
    """A session's usage, as ``session.usage`` is."""
    return SimpleNamespace(model_usage=list(members))


class Session:
    """As much of an AgentSession as is listened to."""

    def __init__(self) -> None:
        self.usage = told_of()
        self.listeners: dict[str, Any] = {}

    def on(self, event: str, listener: Any) -> None:
        self.listeners[event] = listener

    def close(self, error: Exception | None = None) -> None:
        self.listeners["close"](SimpleNamespace(error=error, reason="user_initiated"))

    def tell(self, *usage: Any) -> None:
        self.usage = told_of(*usage)
        self.listeners["session_usage_updated"](SimpleNamespace(usage=self.usage))


@pytest.mark.parametrize(
    ("told", "provider"),
    [
        ("api.openai.com", "openai"),
        ("api.groq.com:443", "groq"),
        ("api.x.ai", "x-ai"),
        ("Deepgram", "deepgram"),
        ("Google Cloud Platform", "google"),
        ("livekit", "livekit"),
        ("127.0.0.1:9100", "my-own"),
    ],
)
def test_providers(told: str, provider: str) -> None:
    """A plugin tells its provider's name or the host of its API; the platform may correct it."""
    assert provider_of(told, {"127.0.0.1:9100": "my-own"}) == provider


@pytest.mark.parametrize(
    ("told", "quantities"),
    [
        (  # a realtime model: audio, of which some was cached
            {
                "input_tokens": 100,
                "input_cached_tokens": 40,
                "input_audio_tokens": 80,
                "input_cached_audio_tokens": 30,
                "output_tokens": 60,
                "output_audio_tokens": 50,
            },
            {
                "input_tokens": 100,
                "cached_input_tokens": 40,
                "audio_input_tokens": 50,
                "output_tokens": 60,
                "audio_output_tokens": 50,
            },
        ),
        (  # an input without its cached parts is not less than they are
            {"input_tokens": 10, "input_cached_tokens": 90, "output_tokens": 7},
            {"input_tokens": 90, "cached_input_tokens": 90, "output_tokens": 7},
        ),
    ],
)
def test_tokens(told: dict[str, int], quantities: dict[str, int]) -> None:
    """Input includes the cached tokens, and cached audio counts as cached."""
    session = CallSession(account_id="acme", call_id="CA1", channel="chat")
    count_usage(session, told_of(llm_usage(**told)))
    assert session.lines() == [
        {"service": "llm", "provider": "openai", "model": "m", "quantities": quantities}
    ]


def test_speech_and_what_no_line_has() -> None:
    """Speech counts by its characters where there are any, and detectors of turns not at all."""
    session = CallSession(account_id="acme", call_id="CA1", channel="web")
    turns = SimpleNamespace(type="eot_usage", provider="livekit", model="turns")
    count_usage(session, told_of(tts_usage(35, 2.27), turns))
    count_usage(session, told_of(tts_usage(0, 2.5)), source="second")
    assert [line["quantities"] for line in session.lines()] == [
        {"characters": 35},
        {"audio_seconds": "2.5"},
    ]


@pytest.mark.parametrize(
    ("names", "provider"),
    [(("gemini", "Vertex AI"), "google"), (("api.openai.com", "openai"), "openai")],
)
def test_a_provider_by_two_names_is_one_line(names: tuple[str, str], provider: str) -> None:
    """What a session tells under two names of one provider adds up, however often it is told, and
    a member that makes no sense leaves the other's alone."""
    session = CallSession(account_id="acme", call_id="CA1", channel="web")
    first, second = names
    for tokens in (500, 700):
        usage = told_of(
            llm_usage(provider=first, input_tokens=1000, output_tokens=100),
            llm_usage(provider=second, input_tokens=tokens, output_tokens=50),
            llm_usage(provider=first.upper(), input_tokens=-600),
        )
        for _ in range(2):
            count_usage(session, usage)
    [line] = session.lines()
    assert (line["provider"], line["quantities"]) == (
        provider,
        {"input_tokens": 1700, "output_tokens": 150},
    )


def test_seconds_by_two_names_add_up_exactly() -> None:
    """Seconds that are told as floats are added as the decimals that they print as."""
    session = CallSession(account_id="acme", call_id="CA1", channel="web")
    heard = [
        SimpleNamespace(type="stt_usage", provider=name, model="chirp", audio_duration=seconds)
        for name, seconds in (("gemini", 0.1), ("Vertex AI", 0.2), ("google", 0.0005))
    ]
    count_usage(session, told_of(*heard))
    assert session.lines()[0]["quantities"] == {"audio_seconds": "0.3"}


async def test_a_session_is_followed(server: Any, client: TalktimeClient) -> None:
    """Snapshots of a session replace each other, and what closing tells last is not lost."""
    session = Session()
    async with client.call(account_id="acme", call_id="CA1", channel="web") as call:
        observe_session(call, session)
        session.tell(llm_usage(input_tokens=19, output_tokens=5))
        session.tell(llm_usage(input_tokens=56, output_tokens=22), tts_usage(35, 2.27))
        session.usage.model_usage[1] = tts_usage(74, 4.6)
        session.close()
    assert server.totals[("llm", "openai", "m", "")] == {"input_tokens": 56, "output_tokens": 22}
    assert server.totals[("tts", "cartesia", "sonic-2", "")] == {"characters": 74}


@pytest.mark.parametrize(
    ("error", "said", "outcome"),
    [
        (None, None, "completed"),
        (ValueError("the model is away"), None, "failed"),
        (ValueError("the model is away"), "voicemail", "voicemail"),
    ],
)
async def test_how_a_session_closes(
    server: Any, client: TalktimeClient, error: Exception | None, said: Any, outcome: str
) -> None:
    """A close is the end of the call though the job be cancelled then: a failed one where an error
    closed it; what was said before stands."""
    session = Session()
    with contextlib.suppress(asyncio.CancelledError):
        async with client.call(account_id="acme", call_id="CA1", channel="web") as call:
            observe_session(call, session)
            if said is not None:
                call.end_as(said)
            session.close(error)
            raise asyncio.CancelledError
    assert server.ended["outcome"] == outcome


@pytest.mark.parametrize(("said", "outcome"), [(None, "failed"), ("voicemail", "voicemail")])
async def test_a_later_session_may_fail(
    server: Any, client: TalktimeClient, said: Any, outcome: str
) -> None:
    """A call of two sessions has failed where either did, unless the bot says what it was."""
    async with client.call(account_id="acme", call_id="CA1", channel="web") as call:
        for error in (None, ValueError("the model is away"), None):
            session = Session()
            observe_session(call, session, source=str(error))
            session.close(error)
            if said is not None:
                call.end_as(said)
    assert server.ended["outcome"] == outcome


async def test_usage_that_makes_no_sense_stays_out_of_the_conversation(
    server: Any, client: TalktimeClient
) -> None:
    """A line that the channel cannot have is logged, and the others count."""
    session = Session()
    async with client.call(account_id="acme", call_id="CA1", channel="chat") as call:
        observe_session(call, session)
        session.tell(tts_usage(35, 2.27), llm_usage(input_tokens=19))
    assert list(server.totals) == [("llm", "openai", "m", "")]
