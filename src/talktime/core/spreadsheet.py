"""Text for spreadsheets: as RFC 4180 has it, and none that they take for a formula."""

import re
from typing import Final

_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r", "\n")
_TO_QUOTE = re.compile(r'[",\r\n]')


def safe_cell(text: str) -> str:
    """The text, after an apostrophe where a spreadsheet would take it for a formula."""
    return "'" + text if text.startswith(_FORMULA_STARTS) else text


def csv_cell(text: str) -> str:
    """The text as it stands in a file, in quotes where it needs them."""
    return f'"{text.replace(chr(34), chr(34) * 2)}"' if _TO_QUOTE.search(text) else text


def csv_cells(*texts: str) -> str:
    """Cells beside each other, without the end of a line."""
    return ",".join(map(csv_cell, texts))
