"""Auto-reload: whether a card is to be charged, how much, and what may be chosen."""

from datetime import datetime, timedelta

import pytest

from talktime.core.auto_reload import (
    COOL_DOWN,
    LOOK_AGAIN,
    LOOK_FOR_CARD_AGAIN,
    ReloadReason,
    ReloadSettings,
    Standing,
    decide_reload,
)
from talktime.core.errors import InvalidAmount
from tests.payments.reloading import Reloader, chosen, nanos


def standing(**facts: object) -> Standing:
    usual = {
        "settings": chosen("5", "25", "100", "500"),
        "is_suspended": False,
        "has_card": True,
        "startable_nanos": nanos("4.99"),
        "has_open_payment": False,
        "charged_today_nanos": 0,
        "charged_this_month_nanos": 0,
        "failures": 0,
        "stopped_at": None,
        "attempted_at": None,
    }
    return Standing(**(usual | facts))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("facts", "reason", "amount"),
    [
        ({}, ReloadReason.FIRED, "25"),
        ({"startable_nanos": nanos("5")}, ReloadReason.ENOUGH, "0"),
        ({"startable_nanos": nanos("5") - 1}, ReloadReason.FIRED, "25"),
        # One payment closes the whole gap, up to the cent.
        ({"startable_nanos": nanos("-30")}, ReloadReason.FIRED, "35"),
        ({"startable_nanos": nanos("-30.001")}, ReloadReason.FIRED, "35.01"),
        # No more than ceilings leave, as long as that is what the customer chose at least.
        ({"startable_nanos": nanos("-130")}, ReloadReason.FIRED, "100"),
        (
            {"startable_nanos": nanos("-130"), "charged_today_nanos": nanos("60")},
            ReloadReason.FIRED,
            "40",
        ),
        ({"charged_today_nanos": nanos("75")}, ReloadReason.FIRED, "25"),
        ({"charged_today_nanos": nanos("75.01")}, ReloadReason.DAY_CEILING, "0"),
        ({"charged_this_month_nanos": nanos("475")}, ReloadReason.FIRED, "25"),
        ({"charged_this_month_nanos": nanos("475.01")}, ReloadReason.MONTH_CEILING, "0"),
        # Of what passes by itself, that which takes the longest is told.
        (
            {"charged_today_nanos": nanos("100"), "charged_this_month_nanos": nanos("500")},
            ReloadReason.MONTH_CEILING,
            "0",
        ),
        (
            {
                "settings": chosen("5", "25", "9000", "9000"),
                "startable_nanos": nanos("-5000"),
            },
            ReloadReason.FIRED,
            "2000",
        ),
        ({"has_card": False}, ReloadReason.NO_CARD, "0"),
        ({"is_suspended": True}, ReloadReason.SUSPENDED, "0"),
        ({"has_open_payment": True}, ReloadReason.IN_FLIGHT, "0"),
        ({"settings": chosen(is_on=False)}, ReloadReason.OFF, "0"),
    ],
)
def test_each_standing_has_one_decision(
    now: datetime, facts: dict[str, object], reason: ReloadReason, amount: str
) -> None:
    """What keeps it, in a fixed order; and what is charged where nothing does."""
    decision = decide_reload(standing(**facts), now=now)
    assert (decision.reason, decision.amount_nanos) == (reason, nanos(amount))
    assert decision.look_at > now


@pytest.mark.parametrize(
    ("facts", "pause"),
    [
        ({"has_card": False}, LOOK_FOR_CARD_AGAIN),
        ({"is_suspended": True}, LOOK_AGAIN),
        ({"charged_today_nanos": nanos("75.01")}, LOOK_AGAIN),
    ],
)
def test_what_nothing_can_come_of_is_looked_at_rarely(
    now: datetime, facts: dict[str, object], pause: timedelta
) -> None:
    """Without a card after an hour, since saving one is to be looked at at once; else soon."""
    assert decide_reload(standing(**facts), now=now).look_at == now + pause


async def test_attempts_keep_their_distance(reloader: Reloader) -> None:
    """Two attempts are apart by the cool-down, longer after a failure, and none after three; a
    reached ceiling, which lasts longer, is told before it."""
    now = reloader.now
    just = standing(attempted_at=now - COOL_DOWN + timedelta(seconds=1))
    assert decide_reload(just, now=now).reason is ReloadReason.COOLING_DOWN
    assert decide_reload(just, now=now).look_at == now + timedelta(seconds=1)
    over = standing(attempted_at=now - COOL_DOWN)
    assert decide_reload(over, now=now).reason is ReloadReason.FIRED
    full = standing(attempted_at=now, failures=1, charged_today_nanos=nanos("100"))
    assert decide_reload(full, now=now).reason is ReloadReason.DAY_CEILING
    failed = standing(attempted_at=now - COOL_DOWN, failures=1)
    assert decide_reload(failed, now=now).reason is ReloadReason.COOLING_DOWN
    stopped = standing(failures=3, stopped_at=now - timedelta(days=9))
    assert decide_reload(stopped, now=now).reason is ReloadReason.STOPPED


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        (chosen(threshold="0.09"), "threshold"),
        (chosen(threshold="2000.01"), "threshold"),
        (chosen(threshold="1.005"), "threshold"),
        (chosen(amount="4.99"), "amount"),
        (chosen(amount="2000.01", day="9000", month="9000"), "amount"),
        (chosen(amount="25", day="24.99"), "day_ceiling"),
        (chosen(day="500.01", month="500"), "month_ceiling"),
        (chosen(month="100000.01"), "month_ceiling"),
    ],
)
async def test_choices_nobody_can_mean(
    reloader: Reloader, settings: ReloadSettings, field: str
) -> None:
    """Whole cents within the limits, an amount that a day and a month can hold; else by field."""
    with pytest.raises(InvalidAmount) as refused:
        await reloader.choose(settings)
    assert refused.value.field == field
