"""Logs say what happened to which id, and never a secret or a person."""

import json
import logging

import pytest
import structlog

from talktime.logs import configure_logs


@pytest.fixture(autouse=True)
def logging_as_it_was() -> object:
    root = logging.getLogger()
    before = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = before
    structlog.reset_defaults()


@pytest.mark.parametrize("for_people", [True, False])
def test_variables_of_a_traceback_stay_out(
    capsys: pytest.CaptureFixture[str], for_people: bool
) -> None:
    """A traceback shows where, not what: a key in a variable reaches no log."""
    configure_logs("info", for_people=for_people)

    def fail(operator_key: str) -> None:
        raise RuntimeError("it broke")

    try:
        fail("very" + "secret")
    except RuntimeError:
        structlog.get_logger("ours").exception("ours failed")
        logging.getLogger("theirs").exception("theirs failed")
    written = capsys.readouterr().err
    assert written.count("it broke") >= 2
    assert "verysecret" not in written


def test_members_that_are_secret_are_hidden(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever passes an e-mail address or a key to a log does not get it written."""
    configure_logs("info", for_people=False)
    structlog.get_logger().info("opened", account_id="acme", email="ada@example.com", key="tt_x")
    line = json.loads(capsys.readouterr().err)
    assert (line["account_id"], line["email"], line["key"]) == ("acme", "…", "…")


def test_the_level_counts_for_all(capsys: pytest.CaptureFixture[str]) -> None:
    """Below the level, neither we nor libraries write anything."""
    configure_logs("warning", for_people=False)
    structlog.get_logger().info("quiet")
    logging.getLogger("theirs").info("quiet")
    structlog.get_logger().warning("loud")
    assert [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()] == ["loud"]
