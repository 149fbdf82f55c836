"""The named queries, one SQL file each, whose first line says in a sentence what it answers."""

from functools import cache
from importlib.resources import files


@cache
def query(name: str) -> bytes:
    """The text of ``queries/<name>.sql``."""
    return (files("talktime.db.queries") / f"{name}.sql").read_bytes()
