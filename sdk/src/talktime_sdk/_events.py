"""An account's live events: reading server-sent events, and what they mean. No I/O."""

import codecs
from datetime import datetime
from decimal import Decimal

import msgspec

from talktime_sdk._answers import CallReceipt, Entry
from talktime_sdk._errors import UnexpectedAnswer

EVENT_BYTES_MAX = 4 * 1024 * 1024


class BalanceChanged(msgspec.Struct, frozen=True, kw_only=True):
    """The account's balances now, in USD."""

    available: Decimal
    promo: Decimal
    paid: Decimal
    held: Decimal
    startable: Decimal
    month_to_date: Decimal | None = None
    event_id: str = ""
    """Resume after this event by giving it to ``client.events``; so with every kind of event."""


class CallChanged(msgspec.Struct, frozen=True, kw_only=True):
    """A call began, moved or ended."""

    call: CallReceipt
    event_id: str = ""


class EntryWritten(msgspec.Struct, frozen=True, kw_only=True):
    """The ledger grew by one line."""

    entry: Entry
    event_id: str = ""


class CallRefused(msgspec.Struct, frozen=True, kw_only=True):
    """The gate said no, by these figures (USD)."""

    call_id: str
    channel: str
    reason: str
    available: Decimal
    held: Decimal
    startable: Decimal
    floor: Decimal
    refused_at: datetime
    event_id: str = ""


class Reset(msgspec.Struct, frozen=True, kw_only=True):
    """Events were missed that are no longer kept: read the account and its calls afresh."""

    event_id: str = ""


Event = BalanceChanged | CallChanged | EntryWritten | CallRefused | Reset


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """One server-sent event as it came."""

    event: str
    data: str
    event_id: str = ""
    """The last id seen, as live ticks carry none of their own."""


class EventReader:
    """Cuts a byte stream into frames, by the rules of the HTML standard.

    Lines end at CR, LF or CRLF only. (``str.splitlines`` would also cut at U+2028, which JSON may
    hold.) ``last_event_id`` is where to resume.
    """

    def __init__(self, last_event_id: str = "") -> None:
        self.last_event_id = last_event_id
        self.retry_seconds = 0.0
        """The pause that the server wishes before a new connection."""
        self._begin()

    def _begin(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")(errors="replace")
        self._rest = ""
        self._event = ""
        self._data: list[str] = []
        self._size = 0
        self._id = self.last_event_id

    def reconnected(self) -> None:
        """A new connection: what was cut off in the middle comes again."""
        self._begin()

    def feed(self, chunk: bytes) -> list[Frame]:
        """The frames that this chunk completes."""
        text = self._rest + self._decoder.decode(chunk)
        # A CR at the very end may be half of a CRLF.
        held_back = text.endswith("\r")
        text = text[:-1] if held_back else text
        *lines, rest = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        self._rest = rest + "\r" if held_back else rest
        frames = [frame for line in lines if (frame := self._take(line)) is not None]
        if self._size + len(self._rest) > EVENT_BYTES_MAX:
            raise UnexpectedAnswer("an event without an end", status=200)
        return frames

    def _take(self, line: str) -> Frame | None:
        if not line:
            frame = None
            self.last_event_id = self._id
            if self._data:
                frame = Frame(
                    event=self._event or "message",
                    data="\n".join(self._data),
                    event_id=self._id,
                )
            self._event, self._data, self._size = "", [], 0
            return frame
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            self._event = value
        elif name == "data":
            self._data.append(value)
            self._size += len(value)
        elif name == "id" and "\0" not in value:
            self._id = value
        elif name == "retry" and value.isascii() and value.isdigit():
            self.retry_seconds = int(value[:9]) / 1000
        return None


def read_event(frame: Frame) -> Event | None:
    """What a frame means; None for kinds that this version does not know."""
    kind = frame.event
    try:
        if kind == "balance":
            event: Event = msgspec.json.decode(frame.data, type=BalanceChanged)
        elif kind == "call":
            event = CallChanged(call=msgspec.json.decode(frame.data, type=CallReceipt))
        elif kind == "entry":
            event = EntryWritten(entry=msgspec.json.decode(frame.data, type=Entry))
        elif kind == "refusal":
            event = msgspec.json.decode(frame.data, type=CallRefused)
        elif kind == "reset":
            event = Reset()
        else:
            return None
    except msgspec.DecodeError as trouble:
        raise UnexpectedAnswer(
            f"a {kind} event could not be read: {trouble}", status=200
        ) from trouble
    return msgspec.structs.replace(event, event_id=frame.event_id)
