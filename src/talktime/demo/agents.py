"""The agents of a dental practice, and what they use up while they talk.

Each turn, the caller speaks for a few seconds, the model reads its prompt and the conversation so
far, and the agent answers at about fourteen characters a second, as people do.
"""

from collections.abc import Iterator
from random import Random
from typing import Final

import msgspec

from talktime.demo.recordings import Increment

CHARACTERS_PER_SECOND: Final = 14
TOKENS_PER_TURN: Final = 110
AUDIO_TOKENS_HEARD: Final = 10
AUDIO_TOKENS_SPOKEN: Final = 20
"""Per second, of models that hear and speak themselves."""


class Model(msgspec.Struct, frozen=True, kw_only=True):
    provider: str
    model: str


class Agent(msgspec.Struct, frozen=True, kw_only=True):
    """One agent: where it takes calls and what it is made of."""

    agent_id: str
    channel: str
    direction: str | None = None
    llm: Model
    stt: Model | None = None
    tts: Model | None = None
    sip: Model | None = None
    prompt_tokens: int
    """What the model reads anew each turn: instructions, tools, the practice's calendar."""
    cached_percent: int = 0
    """How much of the prompt the provider remembers after the first turn."""
    lookups: int = 0
    """How often a turn the model reads all of it once more, to look something up."""
    hears_and_speaks: bool = False
    """The model takes and gives audio itself."""


FRONT_DESK: Final = Agent(
    agent_id="front-desk",
    channel="phone",
    direction="inbound",
    llm=Model(provider="openai", model="gpt-4.1-mini"),
    stt=Model(provider="deepgram", model="nova-3"),
    tts=Model(provider="elevenlabs", model="eleven_flash_v2_5"),
    sip=Model(provider="twilio", model="inbound"),
    prompt_tokens=2_500,
    cached_percent=50,
)
RECALL: Final = Agent(
    agent_id="recall-reminders",
    channel="phone",
    direction="outbound",
    llm=Model(provider="anthropic", model="claude-haiku-4-5"),
    stt=Model(provider="assemblyai", model="universal-streaming"),
    tts=Model(provider="cartesia", model="sonic-3"),
    sip=Model(provider="telnyx", model="outbound"),
    prompt_tokens=1_500,
    cached_percent=30,
)
CONCIERGE: Final = Agent(
    agent_id="concierge-opus",
    channel="web",
    llm=Model(provider="anthropic", model="claude-opus-4-1"),
    stt=Model(provider="google", model="chirp_2"),
    tts=Model(provider="azure", model="en-US-JennyNeural"),
    prompt_tokens=2_500,
    cached_percent=50,
    lookups=1,
)
"""The dear one: a minute of it costs what a dozen of the others do, and the story says so."""

AFTER_HOURS: Final = Agent(
    agent_id="after-hours",
    channel="whatsapp",
    direction="inbound",
    llm=Model(provider="openai", model="gpt-realtime-mini"),
    prompt_tokens=1_500,
    hears_and_speaks=True,
)
WEB_WIDGET: Final = Agent(
    agent_id="web-widget",
    channel="web",
    llm=Model(provider="google", model="gemini-2.5-flash"),
    stt=Model(provider="openai", model="gpt-4o-transcribe"),
    tts=Model(provider="deepgram", model="aura-2-thalia-en"),
    prompt_tokens=4_000,
    cached_percent=60,
)
CHAT: Final = Agent(
    agent_id="chat-desk",
    channel="chat",
    llm=Model(provider="openai", model="gpt-4.1-mini"),
    prompt_tokens=2_500,
    cached_percent=70,
)


def conversation(agent: Agent, seconds: float, dice: Random) -> Iterator[Increment]:
    """What a conversation uses up, in the order of time, until ``seconds`` are over."""
    t, turn, heard = 0.4, 0, 0
    if agent.tts is not None:
        yield _spoken(agent.tts, t, dice.randint(45, 80))
    while True:
        listens = dice.uniform(1.8, 3.2)
        speaks = dice.uniform(3.0, 5.0)
        if t + listens > seconds:
            return
        t += listens
        if agent.stt is not None:
            milliseconds = int(listens * 1000)
            yield Increment(
                t=t,
                service="stt",
                provider=agent.stt.provider,
                model=agent.stt.model,
                quantities={"audio_seconds": milliseconds / 1000},
            )
        heard += int(listens * AUDIO_TOKENS_HEARD)
        for lookup in range(1 + agent.lookups):
            at = t + 0.3 + 1.5 * lookup
            yield _thought(agent, at, turn, heard=heard, speaks=speaks, dice=dice)
        if agent.tts is not None:
            yield _spoken(agent.tts, t + 0.5, int(speaks * CHARACTERS_PER_SECOND))
        t += speaks
        turn += 1


def _spoken(tts: Model, t: float, characters: int) -> Increment:
    return Increment(
        t=t,
        service="tts",
        provider=tts.provider,
        model=tts.model,
        quantities={"characters": characters},
    )


def _thought(
    agent: Agent, t: float, turn: int, *, heard: int, speaks: float, dice: Random
) -> Increment:
    read = agent.prompt_tokens + turn * TOKENS_PER_TURN
    written = dice.randint(40, 80)
    quantities: dict[str, int | float] = {"input_tokens": read, "output_tokens": written}
    if turn and agent.cached_percent:
        quantities["cached_input_tokens"] = agent.prompt_tokens * agent.cached_percent // 100
    if agent.hears_and_speaks:
        spoken = int(speaks * AUDIO_TOKENS_SPOKEN)
        quantities |= {
            "input_tokens": read + heard,
            "audio_input_tokens": heard,
            "output_tokens": written + spoken,
            "audio_output_tokens": spoken,
        }
    return Increment(
        t=t,
        service="llm",
        provider=agent.llm.provider,
        model=agent.llm.model,
        quantities=quantities,
    )
