"""Time zones to choose from, and the zone that somebody means by what they typed."""

import zoneinfo
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

import msgspec

AREAS: Final = (
    "Africa/", "America/", "Antarctica/", "Arctic/", "Asia/", "Atlantic/", "Australia/", "Europe/",
    "Indian/", "Pacific/",
)  # fmt: skip


class Zone(msgspec.Struct, frozen=True):
    """A zone as offered: "Europe/Berlin", "UTC+01:00"."""

    name: str
    offset: str


def zones(now: datetime) -> tuple[Zone, ...]:
    """UTC and the zones named after places, each with its offset of today."""
    return _zones(now.astimezone(UTC).date().isoformat())


def find_zone(text: str) -> str | None:
    """The zone that is meant: its name in any case, with spaces, or its city alone ("berlin").

    None where there is none, or where a city names several.
    """
    wanted = "_".join(text.split()).casefold()
    by_name, by_city = _names()
    found = by_name.get(wanted)
    if found is None and len(by_city.get(wanted, ())) == 1:
        (found,) = by_city[wanted]
    return found


@lru_cache(2)
def _zones(day: str) -> tuple[Zone, ...]:
    noon = datetime.fromisoformat(f"{day}T12:00:00+00:00")
    names = sorted(name for name in zoneinfo.available_timezones() if name.startswith(AREAS))
    return tuple(Zone(name, _offset(name, noon)) for name in ("UTC", *names))


def _offset(name: str, at: datetime) -> str:
    offset = at.astimezone(zoneinfo.ZoneInfo(name)).utcoffset() or timedelta(0)
    minutes = abs(offset) // timedelta(minutes=1)
    sign = "\N{MINUS SIGN}" if offset < timedelta(0) else "+"
    return f"UTC{sign}{minutes // 60:02d}:{minutes % 60:02d}"


@lru_cache(1)
def _names() -> tuple[dict[str, str], dict[str, set[str]]]:
    by_name = {name.casefold(): name for name in sorted(zoneinfo.available_timezones())}
    by_city: dict[str, set[str]] = {}
    for name in by_name.values():
        if name.startswith(AREAS):
            by_city.setdefault(name.rpartition("/")[2].casefold(), set()).add(name)
    return by_name, by_city
