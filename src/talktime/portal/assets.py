"""First-party style sheets and scripts, read once and served under names that change with them."""

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
    """Below the portal's base; it holds a digest, so that what is cached is never stale."""


CACHE_FOREVER: Final = "public, max-age=31536000, immutable"


def read_assets() -> dict[str, Asset]:
    """Every file of ``portal/static``, by name."""
    return {
        file.name: _asset(file.name, file.read_bytes())
        for file in files("talktime.portal").joinpath("static").iterdir()
        if not file.name.startswith(".")
    }


def _asset(name: str, body: bytes) -> Asset:
    media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
    if media_type.startswith("text/"):
        media_type += "; charset=utf-8"
    digest = sha256(body).hexdigest()[:12]
    return Asset(body=body, media_type=media_type, href=f"/assets/{digest}/{name}")
