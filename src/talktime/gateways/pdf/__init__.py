"""Receipts and statements as PDF, set by Typst inside of this process.

The same facts make the same bytes: the letters come with the installation, whatever fonts the
machine has, and the date inside is the document's own. A template gets its text as data and sets
it as it is, so nothing that a customer typed means anything to the typesetter.
"""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import cache, partial
from importlib.resources import files
from threading import BoundedSemaphore, Lock
from typing import Final, ParamSpec

import msgspec
import typst

from talktime.core.errors import Overloaded

P = ParamSpec("P")

WAITING_MAX: Final = 20
"""Papers that are set or wait for it, in one process."""

# One thread of their own: others of the process are for what must not wait for papers.
_TYPESETTER: Final = ThreadPoolExecutor(max_workers=1, thread_name_prefix="typesetter")
_ROOM: Final = BoundedSemaphore(WAITING_MAX)
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


async def on_paper(make: Callable[P, bytes], *args: P.args, **kwargs: P.kwargs) -> bytes:
    """Have a paper made beside the loop. Raises Overloaded where WAITING_MAX wait already."""
    if not _ROOM.acquire(blocking=False):
        raise Overloaded("many papers are being made just now; ask again in a few seconds")
    try:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(_TYPESETTER, partial(make, *args, **kwargs))
    finally:
        _ROOM.release()


@cache
def _source(template: str) -> bytes:
    """What all papers have in common, then the template."""
    parts = ("paper.typ", f"{template}.typ")
    return b"\n".join((_TEMPLATES / part).read_bytes() for part in parts)


@cache
def _fonts() -> typst.Fonts:
    folders = [str(files(package)) for package in ("manimgx_fonts", "manimgx_fonts_cjk")]
    return typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=folders)
