"""Filters that are set, as a page shows them above a list."""

import msgspec


class Chip(msgspec.Struct, frozen=True, kw_only=True):
    """One filter in words, and the address without it."""

    text: str
    href: str
