"""talktime prices estimate."""

import pytest

from talktime.core.errors import InvalidInput
from tests.cli.conftest import Command


def test_a_planned_call_is_estimated_with_its_assumptions(command: Command) -> None:
    """Lines, margin, charge and every assumption stand in the answer; what is given counts."""
    asked = ["prices", "estimate", "--channel", "phone", "--minutes", "2.5", "--sip", ""]
    answer = command(*asked, "--talk", "cached_percent=0")
    assert answer.exit_code == 0, answer.output
    assert "llm  openai/gpt-4.1-mini  $0.01296  (30000 input_tokens" in answer.output
    assert "sip" not in answer.output
    assert "cached_percent=0\n" in answer.output
    assert "words_per_minute=150\n" in answer.output
    assert "a call of 2.5 minutes" in answer.output


def test_a_model_without_a_price_is_no_estimate(command: Command) -> None:
    """An unknown model ends with an error and the words that it is not $0."""
    answer = command("prices", "estimate", "--channel", "chat", "--llm", "nobody/mind")
    assert answer.exit_code == 1
    assert "nobody/mind has no price, which is not $0" in answer.output


@pytest.mark.parametrize(
    "wrong", [["--minutes", "long"], ["--talk", "speed=3"], ["--talk", "cached_percent=x"]]
)
def test_a_wrong_figure_is_refused(command: Command, wrong: list[str]) -> None:
    """What is no figure, or no assumption, is refused and named."""
    with pytest.raises(InvalidInput):
        command("prices", "estimate", "--channel", "chat", *wrong)
