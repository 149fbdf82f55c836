"""Calls read back from the database."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from talktime.core.call import BillingStatus, Call, EndedBy, FreeReason, Outcome, Status
from talktime.core.ratecard import Channel
from talktime.core.usage import Line
from talktime.db.pool import Connection
from talktime.db.queries import query

_lines_encoder = msgspec.json.Encoder()
_lines_decoder = msgspec.json.Decoder(tuple[Line, ...])
_FIELDS = Call.__struct_fields__
# Looked up rather than called: a page of calls has thousands of these words.
_CHANNELS = {one.value: one for one in Channel}
_STATUSES = {one.value: one for one in Status}
_BILLING_STATUSES = {one.value: one for one in BillingStatus}
_OUTCOMES = {one.value: one for one in Outcome}
_FREE_REASONS = {one.value: one for one in FreeReason}
_ENDED_BY = {one.value: one for one in EndedBy}


async def read_calls(
    connection: Connection, keys: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], Call]:
    """Calls by (account_id, call_id), as they are now; unknown ones are absent."""
    cursor = await connection.execute(
        query("read_calls"),
        {"account_id": [key[0] for key in keys], "call_id": [key[1] for key in keys]},
        prepare=True,
    )
    return {call.key: call for call in map(call_of, await cursor.fetchall())}


def encode_lines(lines: Iterable[Line]) -> str:
    """Lines as the database keeps them."""
    return _lines_encoder.encode(lines).decode()


def decode_lines(text: str) -> tuple[Line, ...]:
    """The opposite of encode_lines."""
    return _lines_decoder.decode(text)


def call_of(row: Sequence[Any]) -> Call:
    """A call from a row of the view call_record."""
    values = dict(zip(_FIELDS, row, strict=True))
    values["lines"] = _lines_decoder.decode(values["lines"]) if values["lines"] != "[]" else ()
    return _call(values)


def call_sums_of(row: Sequence[Any]) -> Call:
    """The call without its lines, which take longer to read than all the rest."""
    values = dict(zip(_FIELDS, row, strict=True))
    del values["lines"]
    return _call(values)


def _call(values: dict[str, Any]) -> Call:
    values["channel"] = _CHANNELS[values["channel"]]
    values["status"] = _STATUSES[values["status"]]
    values["billing_status"] = _BILLING_STATUSES[values["billing_status"]]
    if values["outcome"] is not None:
        values["outcome"] = _OUTCOMES[values["outcome"]]
        values["ended_by"] = _ENDED_BY[values["ended_by"]]
        if values["free_reason"] is not None:
            values["free_reason"] = _FREE_REASONS[values["free_reason"]]
    return Call(**values)
