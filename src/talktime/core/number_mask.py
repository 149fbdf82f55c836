"""Phone numbers as an account wants people to see them: whole, by their last digits, or not."""

from typing import Final

from msgspec.structs import replace

from talktime.core.account import NumberMask
from talktime.core.call import Call

DOTS: Final = "\N{BULLET}\N{BULLET}\N{BULLET}\N{BULLET}"
HIDDEN: Final = "Number hidden"
DIGITS_SHOWN: Final = 4
DIGITS_MIN: Final = 7
"""A number with fewer digits would be given away by its last four: an extension, a short code."""


def mask_number(number: str, mask: NumberMask) -> str:
    """The number as shown: "+12025550123", "•••• 0123", or "Number hidden".

    Of a SIP address only the part before the @ counts. Where that is a name or a short number,
    nothing of it is shown.
    """
    if mask is NumberMask.FULL:
        return number
    if mask is NumberMask.HIDDEN:
        return HIDDEN
    digits = digits_of(number)
    return f"{DOTS} {digits[-DIGITS_SHOWN:]}" if len(digits) >= DIGITS_MIN else DOTS


def masked_call(call: Call, mask: NumberMask) -> Call:
    """The call with both numbers as shown; the call itself where there is nothing to mask."""
    if mask is NumberMask.FULL or not (call.from_number or call.to_number):
        return call
    return replace(
        call,
        from_number=call.from_number and mask_number(call.from_number, mask),
        to_number=call.to_number and mask_number(call.to_number, mask),
    )


def digits_of(number: str) -> str:
    """The digits of a phone number or of the user of a SIP address: "sip:+1 20@host" is "120"."""
    user = number.partition("@")[0]
    return "".join(c for c in user if c in "0123456789")
