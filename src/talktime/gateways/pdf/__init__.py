"""Receipts and statements as PDF, set by Typst inside of this process.

The same facts make the same bytes: the letters come with the installation, whatever fonts the
machine has, and the date inside is the document's own. A template gets its text as data and sets
it as it is, so nothing that a customer typed means anything to the typesetter.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from importlib.resources import files
from threading import Lock
from typing import Final

import msgspec
import typst

_TEMPLATES: Final = files("talktime.gateways.pdf") / "templates"
_ONE_AT_A_TIME: Final = Lock()


def set_pdf(template: str, facts: Mapping[str, object], *, at: datetime) -> bytes:
    """A template set with its facts; ``at`` is the date it carries.

    It takes some hundredths of a second of the processor: call it beside the loop.
    """
    with _ONE_AT_A_TIME:
        pdf = typst.compile(
            _source(template),
            font_paths=_fonts(),
            ignore_system_fonts=True,
            sys_inputs={"facts": msgspec.json.encode(facts).decode()},
            format="pdf",
            timestamp=int(at.timestamp()),
        )
    assert isinstance(pdf, bytes)
    return pdf


@cache
def _source(template: str) -> bytes:
    """What all papers have in common, then the template."""
    parts = ("paper.typ", f"{template}.typ")
    return b"\n".join((_TEMPLATES / part).read_bytes() for part in parts)


@cache
def _fonts() -> typst.Fonts:
    folders = [str(files(package)) for package in ("manimgx_fonts", "manimgx_fonts_cjk")]
    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=folders)
