"""How the pages name things: one word for each thing, the same everywhere."""

from collections.abc import Mapping
from typing import Final

from talktime.core.call import FreeReason, Outcome
from talktime.core.ledger import EntryKind
from talktime.core.ratecard import SERVICE_NAMES, Channel

CHANNELS: Final[Mapping[Channel, str]] = {
    Channel.PHONE: "Phone",
    Channel.WEB: "Web",
    Channel.WHATSAPP: "WhatsApp",
    Channel.CHAT: "Chat",
}

CALL_NAMES: Final[Mapping[Channel, str]] = {
    Channel.PHONE: "Phone call",
    Channel.WEB: "Web call",
    Channel.WHATSAPP: "WhatsApp call",
    Channel.CHAT: "Chat",
}

SERVICES: Final = SERVICE_NAMES

OUTCOMES: Final[Mapping[Outcome, str]] = {
    Outcome.COMPLETED: "Completed",
    Outcome.VOICEMAIL: "Voicemail",
    Outcome.FAILED: "Failed",
    Outcome.REJECTED: "Rejected",
    Outcome.BUSY: "Busy",
    Outcome.NO_ANSWER: "No answer",
    Outcome.CANCELED: "Cancelled",
}

FREE_REASONS: Final[Mapping[FreeReason, str]] = {
    FreeReason.FAILED: "the call failed",
    FreeReason.REJECTED: "the call was rejected while ringing",
    FreeReason.BUSY: "the line was busy",
    FreeReason.NO_ANSWER: "nobody answered",
    FreeReason.CANCELED: "the call was cancelled before anybody answered",
    FreeReason.NO_SIGN_OF_LIFE: "the bot went silent, so the call counts as failed",
    FreeReason.NO_PRICE: "no price was known within seven days",
}

FREE_RULES: Final[Mapping[FreeReason, str]] = {
    FreeReason.FAILED: (
        "A call that fails (the bot crashed, the line broke, it never connected) is never charged, "
        "whatever it used until then."
    ),
    FreeReason.REJECTED: "A call that is rejected while it rings is never charged.",
    FreeReason.BUSY: "A call to a busy line is never charged.",
    FreeReason.NO_ANSWER: "A call that nobody answers is never charged. Reaching a voicemail is.",
    FreeReason.CANCELED: "A call that is cancelled before anybody answers is never charged.",
    FreeReason.NO_SIGN_OF_LIFE: (
        "When nothing is heard of a call any more it counts as failed, and failed calls are never "
        "charged."
    ),
    FreeReason.NO_PRICE: (
        "A call is never charged a guessed price: where none is known within seven days of its "
        "end, it is free."
    ),
}

_ENTRIES: Final[Mapping[EntryKind, str]] = {
    EntryKind.WELCOME_BONUS: "Welcome bonus",
    EntryKind.COUPON: "Coupon",
    EntryKind.TOP_UP: "Top-up",
    EntryKind.REFUND: "Refund",
    EntryKind.REFUND_REVERSED: "Refund came back",
    EntryKind.CHARGEBACK: "Chargeback",
    EntryKind.CHARGEBACK_REVERSED: "Chargeback reversed",
    EntryKind.CALL: "Call",
    EntryKind.ADJUSTMENT: "Adjustment",
}

_QUANTITIES: Final[Mapping[str, str]] = {
    "input_tokens": "input tokens",
    "cached_input_tokens": "cached input tokens",
    "cache_write_tokens": "tokens written to the cache",
    "output_tokens": "output tokens",
    "audio_input_tokens": "audio input tokens",
    "audio_output_tokens": "audio output tokens",
    "characters": "characters",
    "audio_seconds": "of audio",
    "seconds": "connected",
}


def entry_words(kind: EntryKind) -> str:
    return _ENTRIES.get(kind) or kind.value.replace("_", " ").capitalize()


def quantity_words(quantity: str) -> str:
    """What follows the number on a receipt: "56 input tokens", "4.54 s of audio"."""
    return _QUANTITIES.get(quantity) or quantity.replace("_", " ")


def direction_words(direction: str | None) -> str:
    return {"inbound": "Inbound", "outbound": "Outbound"}.get(direction or "", direction or "")


def counted(number: int, one: str, many: str | None = None) -> str:
    """ "1 call", "2 calls"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def sentence(words: str) -> str:
    """A refusal's words as a sentence of a page; an address or an id keeps its first letter."""
    first = words.split(" ", 1)[0].rstrip(",:;")
    is_word = first.replace("-", "").replace("'", "").isalpha()
    begun = words[:1].upper() + words[1:] if is_word else words
    return begun + ("" if not words or words[-1] in ".!?…" else ".")
