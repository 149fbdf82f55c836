"""HTML out of view models: the templates, and the headers that every page carries."""

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from litestar import MediaType, Response

from talktime.core.money import display_usd
from talktime.portal.assets import Asset, read_assets

PAGE_HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; font-src 'self'; form-action 'self'; frame-ancestors 'none'; "
        "base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class Pages:
    """Renders templates for one installation."""

    def __init__(
        self, public_url: str, *, takes_payments: bool = False, frame_origins: Sequence[str] = ()
    ) -> None:
        parts = urlsplit(public_url)
        self.base: Final = parts.path.rstrip("/")
        """What every path begins with where a proxy serves us below one; usually empty."""
        self.is_https: Final = parts.scheme == "https"
        self.frame_origins: Final = tuple(frame_origins)
        """The sites within which pages may be shown, each within the one that its session names."""
        self.assets: Final[Mapping[str, Asset]] = read_assets()
        self._templates = Environment(
            loader=PackageLoader("talktime.portal"),
            autoescape=select_autoescape(default=True),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            # A process shows what it started with, whatever is installed over it meanwhile.
            auto_reload=False,
        )
        self._templates.filters["usd"] = display_usd
        self._templates.globals.update(
            base=self.base,
            asset=lambda name: self.base + self.assets[name].href,
            takes_payments=takes_payments,
        )

    def html(self, template: str, **values: object) -> str:
        return self._templates.get_template(template).render(**values)

    def page(self, template: str, *, status_code: int = 200, **values: object) -> Response[str]:
        """A template as an answer that nobody keeps and nobody frames."""
        return Response(
            self.html(template, **values),
            status_code=status_code,
            media_type=MediaType.HTML,
            headers=dict(PAGE_HEADERS),
        )
