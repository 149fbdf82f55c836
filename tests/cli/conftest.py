"""Commands, run in this process on its test database or as processes on homes of their own."""

import logging
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog
from typer.testing import CliRunner, Result

from talktime.cli import app

Command = Callable[..., Result]


@pytest.fixture
def home() -> Iterator[Path]:
    """An empty TALKTIME_HOME that PostgreSQL's user can reach."""
    made = Path(tempfile.mkdtemp(prefix="talktime-cli-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture
def command(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Command]:
    """Runs a command on this worker's database; refusals come out as they were raised."""
    monkeypatch.setenv("TALKTIME_DATABASE_URL", database_url)
    monkeypatch.setenv("TALKTIME_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "240")
    root = logging.getLogger()
    before = root.handlers[:], root.level

    def run(*arguments: str) -> Result:
        result = CliRunner().invoke(app, arguments)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    yield run
    root.handlers[:], root.level = before
    structlog.reset_defaults()
