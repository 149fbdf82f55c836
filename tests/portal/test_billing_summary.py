"""The head of the Billing page: the balance and what it means, the month, the talk time left."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from talktime.core.account import Account, AccountStatus
from talktime.core.money import parse_usd
from talktime.core.money_move import MoveKind, OpenMove, OpenState
from talktime.core.ratecard import Channel
from talktime.core.talk_time import Pace
from talktime.ops.billing import Billing
from talktime.ops.spend_days import MonthSpend
from talktime.portal.billing.summary import summary_view
from talktime.portal.billing.under_way import under_way

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
FLOOR = 100_000_000
PACE = Pace(agent_id=None, channel=Channel.PHONE, calls=2, charge_nanos=1, duration_ms=60_000)


def usd(text: str) -> int:
    return parse_usd(text, field="amount")


def a_month(at_point: str = "0", whole: str = "0") -> MonthSpend:
    return MonthSpend(
        month=date(2026, 11, 1),
        so_far_nanos=usd("0.328499"),
        last_month=date(2026, 10, 1),
        last_at_this_point_nanos=usd(at_point),
        last_whole_nanos=usd(whole),
    )


def a_pace(
    agent_id: str | None, channel: Channel, *, calls: int, charge: str, seconds: int
) -> Pace:
    return Pace(
        agent_id=agent_id,
        channel=channel,
        calls=calls,
        charge_nanos=usd(charge),
        duration_ms=seconds * 1000,
    )


def billing(promo: str = "0", paid: str = "5", held: str = "0", **facts: Any) -> Billing:
    account = Account(
        account_id="ada",
        name="Ada",
        email="ada@example.com",
        status=facts.pop("status", AccountStatus.ACTIVE),
        verified=True,
        promo_nanos=usd(promo),
        paid_nanos=usd(paid),
        held_nanos=usd(held),
        refund_reserved_nanos=0,
        margin_ppm=None,
        warning_level_nanos=usd("1"),
        time_zone="UTC",
        created_at=facts.pop("created_at", NOW),
        month_to_date_nanos=usd("0.328499"),
    )
    counts = {
        "running_calls": 0,
        "waiting_calls": 0,
        "refused_calls": 0,
        "has_fallen": True,
        "paces": (),
        "month": a_month(),
        **facts,
    }
    return Billing(account=account, event_seq=1, **counts)


def summary(standing: Billing) -> Any:
    return summary_view(standing, floor_nanos=FLOOR, now=NOW, may_spend=True)


def test_money_set_aside_is_shown_apart() -> None:
    """A hold is told in words beside the available balance, which it does not lower."""
    view = summary(billing(held="0.1", running_calls=1))
    assert view.available == "$5.00"
    assert view.held == "$0.10 set aside for 1 running call"
    assert view.held_rest == "It stays yours until the call ends; then only the cost is taken."


@pytest.mark.parametrize(
    ("running", "waiting", "held", "until"),
    [
        (2, 0, "2 running calls", "each call ends"),
        (0, 1, "1 call waiting for a price", "the price is known"),
        (0, 2, "2 calls waiting for a price", "the price is known for each"),
        (2, 1, "2 running calls and 1 call waiting for a price", "each call is settled"),
    ],
)
def test_what_holds_money_is_told(running: int, waiting: int, held: str, until: str) -> None:
    """Money set aside says for how many calls, and what sets it free, which a price may be."""
    view = summary(billing(held="0.3", running_calls=running, waiting_calls=waiting))
    assert view.held == f"$0.30 set aside for {held}"
    assert view.held_rest == f"It stays yours until {until}; then only the cost is taken."


@pytest.mark.parametrize(
    ("standing", "tone", "title"),
    [
        (billing(paid="1"), None, None),
        (billing(paid="0.999"), "warn", "Your balance is below $1.00"),
        (billing(paid="1.5", held="1.45"), "warn", "No new call can start just now"),
        (billing(paid="0.1"), "warn", "Your balance is below $1.00"),
        (billing(paid="0.099999999"), "stop", "Your balance is below $0.10"),
        (billing(paid="-0.02"), "stop", "Your balance is below zero"),
        (billing(status=AccountStatus.SUSPENDED), "stop", "This account is suspended"),
    ],
)
def test_notice_says_when_calls_are_refused(
    standing: Billing, tone: str | None, title: str | None
) -> None:
    """Below the floor, and only there, the page says that new calls are refused."""
    notice = summary(standing).notice
    assert (notice and notice.tone) == tone
    if title is not None:
        assert notice.title.startswith(title)
    if tone == "stop":
        assert "New calls are refused" in notice.text
        assert "running calls finish" in notice.text


def test_debt_is_said() -> None:
    """Below zero the page says what the next paid credit covers first: the paid debt, whole."""
    view = summary(billing(promo="0.01", paid="-0.03"))
    assert "covers the $0.03 owed first" in view.notice.text


def test_a_balance_that_is_held_is_not_called_spent() -> None:
    """Where too much is set aside to start a call, the page says how much of what, and why."""
    text = summary(billing(paid="0.15", held="0.1", running_calls=1)).notice.text
    assert "A new call needs $0.10. Of your $0.15, $0.10 is set aside for 1 running call;" in text


@pytest.mark.parametrize(
    "standing",
    [
        billing(paid="-0.025001", paces=(PACE,)),
        billing(paid="5", held="4.95", running_calls=1, paces=(PACE,)),
        billing(status=AccountStatus.SUSPENDED, paces=(PACE,)),
    ],
)
def test_no_talk_time_where_no_call_can_start(standing: Billing) -> None:
    """Where the gate refuses, no talk time is promised, whatever the pace."""
    view = summary(standing)
    assert view.talk_time.headline == "No new call can start"
    assert view.talk_time.others == ()


def test_talk_time_is_known_only_with_a_pace() -> None:
    """Talk time is what is startable at the agent's recent pace; without calls nothing is told."""
    assert summary(billing()).talk_time.headline == "Not known yet"
    pace = a_pace("support-bot", Channel.PHONE, calls=2, charge="0.104", seconds=120)
    talk = summary(billing(paid="5.3", held="0.1", paces=(pace,))).talk_time
    assert talk.headline == "About 100 minutes"
    assert talk.rest == "on support-bot, going by its last 2 charged calls."


@pytest.mark.parametrize(
    ("channel", "rest"),
    [
        (Channel.PHONE, "on your phone agent, going by its last charged call."),
        (Channel.WEB, "on your web agent, going by its last charged call."),
        (Channel.WHATSAPP, "on your WhatsApp agent, going by its last charged call."),
        (Channel.CHAT, "on your chat agent, going by its last charged chat."),
    ],
)
def test_an_agent_without_a_name_is_the_channels(channel: Channel, rest: str) -> None:
    """Where calls name no agent, talk time is told for the channel."""
    pace = a_pace(None, channel, calls=1, charge="0.05", seconds=60)
    assert summary(billing(paces=(pace,))).talk_time.rest == rest


def test_other_agents_follow_the_most_used_one() -> None:
    """Each agent has its own line; one that works on two channels says which, a chat is counted."""
    paces = (
        a_pace("support-bot", Channel.PHONE, calls=20, charge="1", seconds=1200),
        a_pace("support-bot", Channel.WEB, calls=5, charge="0.2", seconds=300),
        a_pace("helper", Channel.CHAT, calls=4, charge="0.04", seconds=4000),
    )
    talk = summary(billing(paces=paces)).talk_time
    assert talk.rest == "on support-bot by phone, going by its last 20 charged calls."
    assert talk.others == ("About 2 hours on support-bot on the web", "About 500 chats on helper")


@pytest.mark.parametrize(
    ("at_point", "whole", "rest"),
    [
        ("9.8", "14", "so far; $9.80 at the same point of October, $14.00 in all of it."),
        ("0", "14", "so far; $0.00 at the same point of October, $14.00 in all of it."),
        ("14", "14", "so far; $14.00 in all of October."),
        ("0", "0", "so far, in your first month here."),
    ],
)
def test_this_month_stands_beside_the_last(at_point: str, whole: str, rest: str) -> None:
    """What was used is set beside the last month in amounts, never as a percentage of little."""
    view = summary(billing(month=a_month(at_point, whole)))
    assert (view.month, view.month_name) == ("$0.328499", "November 2026")
    assert view.month_rest == rest


def test_an_idle_month_is_said() -> None:
    """An account that is older and used nothing last month is told just that."""
    standing = billing(created_at=datetime(2026, 9, 1, tzinfo=UTC))
    assert summary(standing).month_rest == "so far. Nothing was used in October."


def test_a_beginning_is_no_warning() -> None:
    """A balance that never was above the warning level warns of nothing; the floor still does."""
    assert summary(billing(paid="0.5", has_fallen=False)).notice is None
    assert summary(billing(paid="0.5")).notice.tone == "warn"
    assert summary(billing(paid="0.05", has_fallen=False)).notice.tone == "stop"


def a_move(kind: MoveKind, state: OpenState) -> OpenMove:
    return OpenMove(kind=kind, ref="m-1", amount_nanos=usd("4"), state=state)


@pytest.mark.parametrize(
    ("moves", "led", "led_who_looks"),
    [
        (
            [a_move(MoveKind.REFUND, OpenState.SENDING)],
            ("/refund", "See it"),
            ("/payments", "See it"),
        ),
        (
            [a_move(MoveKind.TOP_UP, OpenState.NEEDS_CUSTOMER)],
            ("/top-up/m-1", "Confirm"),
            ("/top-up/m-1", "See it"),
        ),
        (
            2 * [a_move(MoveKind.REFUND, OpenState.ASKED)],
            ("/payments", "See all"),
            ("/payments", "See all"),
        ),
        (
            [a_move(MoveKind.TOP_UP, OpenState.RELOAD_STOPPED)],
            ("/auto-reload", "See why"),
            ("/auto-reload", "See it"),
        ),
    ],
)
def test_what_is_under_way_leads_to_where_one_may_go(
    moves: list[OpenMove], led: tuple[str, str], led_who_looks: tuple[str, str]
) -> None:
    """Who may spend is led to where something can be done, who only looks to where it is told."""
    for may_spend, (path, link) in ((True, led), (False, led_who_looks)):
        line = under_way(moves, base="/x", may_spend=may_spend)
        assert line is not None
        assert (line.href, line.link) == (f"/x/billing{path}", link)


@pytest.mark.parametrize(
    ("newest_first", "told"),
    [
        ((OpenState.RELOAD_FAILED, OpenState.DECLINED), "Auto-reload could not charge $4.00"),
        ((OpenState.DECLINED, OpenState.RELOAD_FAILED), "Your card was declined for $4.00"),
        ((OpenState.UNPAID, OpenState.RELOAD_STOPPED), "Auto-reload has stopped"),
        ((OpenState.ASKED, OpenState.UNPAID), "A top-up of $4.00 is not confirmed yet"),
    ],
)
def test_of_what_is_under_way_what_asks_the_customer_is_told(
    newest_first: tuple[OpenState, ...], told: str
) -> None:
    """What needs the customer comes before what does not, and of that the newest."""
    moves = [a_move(MoveKind.TOP_UP, state) for state in newest_first]
    line = under_way(moves, base="", may_spend=True)
    assert line is not None
    assert line.text == told
