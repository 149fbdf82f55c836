"""Style sheets and scripts, ours and those the build brings, read once.

They are served under one digest of them all: a script imports its neighbour by a relative name, and
what a browser has cached is never older than the page.
"""

import mimetypes
from hashlib import sha256
from importlib.resources import files
from typing import Final

import msgspec


class Asset(msgspec.Struct, frozen=True, kw_only=True):
    """One file as it is served."""

    body: bytes
    media_type: str
    href: str
    """Below the portal's base."""


CACHE_FOREVER: Final = "public, max-age=31536000, immutable"


def read_assets() -> dict[str, Asset]:
    """Every style sheet, script and picture of ``portal/static`` and its ``vendor``, by name."""
    static = files("talktime.portal").joinpath("static")
    bodies = {
        file.name: file.read_bytes()
        for folder in (static, static.joinpath("vendor"))
        for file in sorted(folder.iterdir(), key=lambda file: file.name)
        if file.name.endswith((".css", ".js", ".svg"))
    }
    digest = sha256()
    for body in bodies.values():
        digest.update(sha256(body).digest())
    base = f"/assets/{digest.hexdigest()[:12]}"
    return {
        name: Asset(body=body, media_type=_media_type(name), href=f"{base}/{name}")
        for name, body in bodies.items()
    }


def _media_type(name: str) -> str:
    media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return f"{media_type}; charset=utf-8" if media_type.startswith("text/") else media_type
