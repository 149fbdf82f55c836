"""Where somebody goes on to after signing in: a page of ours, and never another site's."""

import re
from typing import Final
from urllib.parse import quote

PLACE_MAX: Final = 500
HOME: Final = "/billing"

# A backslash is a slash to browsers, and white space in front of one is dropped.
_OWN = re.compile(r"/(?:[A-Za-z0-9._~!$&'()*+,;=:@%?-][A-Za-z0-9._~!$&'()*+,;=:@%?/-]*)?", re.ASCII)
_DOT_SEGMENT: Final = re.compile(r"/(?:\.|%2e){1,2}(?:/|$)", re.IGNORECASE)
_NO_PAGES: Final = ("/sign-in", "/leave", "/enter", "/switch", "/live", "/assets")


def own_place(text: str) -> str:
    """A path of ours, with its query, below our base; HOME for anything else."""
    if len(text) > PLACE_MAX or not _OWN.fullmatch(text) or text == "/":
        return HOME
    path = text.partition("?")[0]
    # Browsers walk up and down such a path themselves, to where it seems not to lead.
    if _DOT_SEGMENT.search(path):
        return HOME
    if path.startswith(_NO_PAGES) or "//" in path or "%2f" in path.lower() or "%5c" in path.lower():
        return HOME
    return text


def sign_in_place(text: str) -> str:
    """The address of the sign-in page that leads on to a place."""
    place = own_place(text)
    return "/sign-in" if place == HOME else f"/sign-in?next={quote(place, safe='/')}"
