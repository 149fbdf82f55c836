"""What the documents point at is there."""

import re
from pathlib import Path
from typing import Any

import pytest
import typer

from talktime.cli import app
from talktime.config import VARIABLES

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), ROOT / "sdk/README.md"])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link of a page leads to a file of the project."""
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), f"{page.name} points to {target}"


def test_every_complaint_has_its_test() -> None:
    """Every test that docs/complaints.md names exists under that name."""
    named = re.findall(
        r"`([a-z_]+/test_\w+\.py)(?:::(\w+))?`", (ROOT / "docs/complaints.md").read_text()
    )
    assert len(named) > 20
    for file, test in named:
        source = (ROOT / "tests" / file).read_text()
        assert not test or f"def {test}(" in source, f"{file} has no {test}"


def leaves(command: Any, *names: str) -> dict[tuple[str, ...], Any]:
    """Every command that does something, by the words that it is called with."""
    below = getattr(command, "commands", None)
    if below is None:
        return {names: command}
    found: dict[tuple[str, ...], Any] = {}
    for name, one in below.items():
        found |= leaves(one, *names, name)
    return found


COMMANDS = leaves(typer.main.get_command(app))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_are_there(page: Path) -> None:
    """Every command that a page tells to run exists, with the options it is told with."""
    for told in re.findall(
        r"(?:^|[`(/]|&& )talktime ([a-z][^`\n|#]*)", page.read_text(), re.MULTILINE
    ):
        words = tuple(told.split())
        command = COMMANDS.get(words[:2]) or COMMANDS.get(words[:1])
        if command is None:
            groups = {names[0] for names in COMMANDS}
            assert words == (words[0], "…") or (len(words) == 1 and words[0] in groups), told
            continue
        options = {option for parameter in command.params for option in parameter.opts}
        options |= {option for parameter in command.params for option in parameter.secondary_opts}
        given = set(re.findall(r"(?<!\S)--[a-z][a-z-]*", told))
        assert given <= options | {"--help"}, f"{page.name}: talktime {told}"


def test_every_setting_is_in_the_reference() -> None:
    """The table of settings names every variable that is read, and no other."""
    table = (ROOT / "docs/reference.md").read_text().partition("## Command line")[0]
    rows = re.findall(r"^\| (`TALKTIME_.*?) \|", table, re.MULTILINE)
    assert sorted(re.findall(r"TALKTIME_\w+", " ".join(rows))) == sorted(VARIABLES)


def test_every_command_is_in_the_reference() -> None:
    """The table of the command line names every command."""
    table = (ROOT / "docs/reference.md").read_text().partition("## Command line")[2]
    rows = re.findall(r"^\| (`.*?) \|", table.partition("\n##")[0], re.MULTILINE)
    for names in COMMANDS:
        assert any(all(re.search(rf"\b{name}\b", row) for name in names) for row in rows), names
