"""Logs: one line per event, JSON unless a person watches; ids, never secrets or people.

Ours and those of libraries take the same way out, to stderr.
"""

import logging
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, Final

import structlog
from structlog.typing import Processor

from talktime.setting_values import LogLevel

HIDDEN: Final = frozenset(
    {
        "authorization",
        "conninfo",
        "cookie",
        "database_url",
        "email",
        "from",
        "from_number",
        "key",
        "link",
        "name",
        "operator_key",
        "password",
        "secret",
        "to",
        "to_number",
        "token",
        "url",
    }
)
"""Members that are never written: who may read a log is not who may read these."""

QUIET: Final[Mapping[str, int]] = {
    # One line per request or per connection of theirs says nothing that ours does not.
    "uvicorn": logging.WARNING,
    "httpx": logging.WARNING,
    "httpcore": logging.WARNING,
    "alembic": logging.WARNING,
    "asyncio": logging.WARNING,
    "procrastinate": logging.WARNING,
    "aiosmtplib": logging.WARNING,
    "mail.log": logging.WARNING,  # aiosmtpd's
}


def configure_logs(level: LogLevel, *, for_people: bool | None = None) -> None:
    """Set up logging for this process; ``for_people`` is whether stderr is a terminal, unless said.

    Safe to repeat: the last call counts.
    """
    if for_people is None:
        for_people = sys.stderr.isatty()
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        hide_secrets,
        structlog.processors.StackInfoRenderer(),
    ]
    # Tracebacks without the values of variables: keys, cookies and people are among them.
    rendering: list[Processor] = (
        [
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
            )
        ]
        if for_people
        else [
            structlog.processors.ExceptionRenderer(
                structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
            ),
            structlog.processors.JSONRenderer(),
        ]
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name, least in QUIET.items():
        logging.getLogger(name).setLevel(max(least, root.level))


def hide_secrets(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Replace what must not be written, whoever passed it in."""
    for member in HIDDEN & event.keys():
        event[member] = "…"
    return event
