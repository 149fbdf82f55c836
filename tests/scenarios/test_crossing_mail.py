"""Stories of R7, to their end: each crossing brings one mail, received by a real mail server."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from talktime.core.coupon import Coupon
from talktime.core.member import MailKind, Role
from talktime.core.ratecard import Channel
from talktime.core.refund import PartStatus
from talktime.ops.coupons import create_coupon, redeem_coupon
from talktime.ops.members import add_member, change_mail
from talktime.ops.platform import Platform
from tests.mail_office import Office, open_office
from tests.scenarios.story import MakeAccount, Story, StoryOf, costs
from tests.scenarios.test_refunds import approved, disputed, paid, sent

WARNING = "Balance below $1.00"
FLOOR = "New calls are now refused"


@pytest.fixture(scope="module")
async def office(platform: Platform) -> AsyncIterator[Office]:
    async with open_office(platform) as opened:
        yield opened


def owner_of(story: Story) -> str:
    return f"{story.account_id[5:]}@example.com"


async def alerts(office: Office, story: Story) -> list[str]:
    """The alerts that reached the account's owner, in the order of the entries they tell of."""
    messages = await office.settled(story.account_id)
    assert {m.state.value for m in messages} <= {"sent"}
    told = sorted(
        (int(m.ref) if m.ref.isdecimal() else 0, m.kind.value)  # 0: no entry, set aside
        for m in messages
        if m.kind.value.startswith("below") and m.recipient == owner_of(story)
    )
    subjects = office.subjects_to(owner_of(story))
    for prefix, kind in ((WARNING, "below_warning"), (FLOOR, "below_floor")):
        arrived = [subject for subject in subjects if subject.startswith(prefix)]
        assert len(arrived) == [k for _, k in told].count(kind)
    return [kind for _, kind in told]


async def test_promo_and_paid_are_one_balance(office: Office, story_of: StoryOf) -> None:
    """What counts is promo and paid together: spending all promo crosses nothing by itself."""
    story = await story_of(promo="0.5", paid="1.2")
    await story.call_costing("CA1", "0.5")  # 0.65: promo is gone, and 1.05 is left
    assert await alerts(office, story) == []
    await story.call_costing("CA2", "0.1")
    assert await alerts(office, story) == ["below_warning"]


async def test_a_correction_in_between_arms_again(office: Office, story_of: StoryOf) -> None:
    """Falling, credited above, falling again: one mail each time; a fall by correction counts."""
    story = await story_of(paid="1.05")
    await story.call_costing("CA1", "0.1")
    await story.credit(paid="1")
    await story.credit(paid="-1.2")
    assert await alerts(office, story) == ["below_warning", "below_warning"]


async def test_a_coupon_in_between_arms_again(office: Office, story_of: StoryOf) -> None:
    """A coupon that lifts the balance above the level arms it; the coupon itself is told, too."""
    story = await story_of(paid="1.05")
    await story.call_costing("CA1", "0.1")
    async with story.platform.connection() as connection:
        code = f"LIFT-{story.account_id[-8:]}"
        await create_coupon(
            connection, Coupon(code=code, amount_nanos=1_000_000_000, created_at=story.now)
        )
        await redeem_coupon(
            connection,
            account_id=story.account_id,
            code=code,
            terms=story.platform.terms,
            now=story.now,
        )
    await story.call_costing("CA2", "0.9")
    assert await alerts(office, story) == ["below_warning", "below_warning"]
    assert office.subjects_to(owner_of(story)).count("Coupon redeemed: $1.00 added") == 1


async def test_a_top_up_in_between_arms_again(office: Office, story_of: StoryOf) -> None:
    """A top-up that lifts the balance above the level arms it; one that only repays debts does
    not. Each top-up is told itself."""
    story = await story_of(promo="0.2", paid="0.9")
    await story.call_costing("CA1", "5")  # 6.50: 5.40 below zero
    assert sorted(await alerts(office, story)) == ["below_floor", "below_warning"]
    await paid(story, "top-1", "5")  # 0.40 below zero
    await paid(story, "top-2", "5")  # 4.60 left
    await story.call_costing("CA2", "3")  # 3.90: 0.70 left
    assert sorted(await alerts(office, story)) == ["below_floor", *["below_warning"] * 2]
    assert office.subjects_to(owner_of(story)).count("Top-up received: $5.00") == 2


async def test_money_set_aside_for_a_refund_crosses(office: Office, story_of: StoryOf) -> None:
    """What is set aside is not available: letting a refund go crosses both thresholds, once; that
    the money then leaves crosses nothing, and is told as the refund that it is."""
    story = await story_of(promo="0.05")
    await paid(story, "top-1", "5")
    refund = await approved(story)
    assert sorted(await alerts(office, story)) == ["below_floor", "below_warning"]
    for _ in range(2):
        await sent(story, refund)
    assert sorted(await alerts(office, story)) == ["below_floor", "below_warning"]
    assert office.subjects_to(owner_of(story)).count("Refund sent: $5.00") == 1


async def test_a_refund_that_fails_arms_again(office: Office, story_of: StoryOf) -> None:
    """What was set aside and is free again arms the thresholds; the failure is told once."""
    story = await story_of()
    await paid(story, "top-1", "5")
    refund = await approved(story)
    for _ in range(2):
        await sent(story, refund, PartStatus.FAILED)
    await story.call_costing("CA1", "3.5")  # 4.55: 0.45 left
    assert sorted(await alerts(office, story)) == ["below_floor", *["below_warning"] * 2]
    subjects = office.subjects_to(owner_of(story))
    assert subjects.count("Refund failed: $5.00 could not be sent") == 1


async def test_a_chargeback_crosses(office: Office, story_of: StoryOf) -> None:
    """What a bank takes back crosses both thresholds and is told itself; given again, it arms
    them, and that is told too: each once, however often the bank's word comes."""
    story = await story_of(promo="0.5")
    await paid(story, "top-1", "5")
    await story.call_costing("CA1", "1")  # 1.30
    for _ in range(2):
        await disputed(story, "top-1", withdrawn_cents=500)
    assert sorted(await alerts(office, story)) == ["below_floor", "below_warning"]
    for _ in range(2):
        await disputed(story, "top-1", reinstated_cents=500)
    await story.call_costing("CA2", "2.6")  # 3.38: 0.82 left
    assert sorted(await alerts(office, story)) == ["below_floor", *["below_warning"] * 2]
    subjects = office.subjects_to(owner_of(story))
    assert subjects.count("Your bank took back $5.00") == 1
    assert subjects.count("Dispute settled: $5.00 is back") == 1


async def test_told_is_who_chose_it(office: Office, story_of: StoryOf) -> None:
    """Each member who chose alerts gets the mail, once, and nobody else."""
    story = await story_of(paid="1.05")
    chooses, does_not = f"c-{owner_of(story)}", f"n-{owner_of(story)}"
    async with story.platform.connection() as connection:
        for address, mail in ((chooses, {MailKind.ALERTS}), (does_not, {MailKind.MONEY_IN})):
            await add_member(
                connection,
                account_id=story.account_id,
                address=address,
                role=Role.VIEWER,
                now=story.now,
            )
            await change_mail(connection, story.account_id, address, add=mail)
    await story.call_costing("CA1", "0.1")
    assert await alerts(office, story) == ["below_warning"]
    assert office.subjects_to(chooses) == office.subjects_to(owner_of(story))
    assert office.subjects_to(does_not) == []


async def test_an_overdraft_is_told_with_its_figures(office: Office, story_of: StoryOf) -> None:
    """One dear call through both thresholds into the red brings both mails, with the balance."""
    story = await story_of(promo="0.2", paid="1")
    await story.call_costing("CA1", "1")  # 1.30
    assert sorted(await alerts(office, story)) == ["below_floor", "below_warning"]
    mails = office.mails_to(owner_of(story))
    [mail] = [m for m in mails if str(m["Subject"]).startswith(FLOOR)]
    for kind in ("plain", "html"):
        body = mail.get_body((kind,))
        assert body is not None
        part = " ".join(body.get_content().split())
        for words in (
            "New calls are now refused; running calls finish.",
            "\N{MINUS SIGN}$0.10",
            "$0.00",
            "Top up",
            f"{story.platform.public_url}/billing",
        ):
            assert words in part


async def test_a_burst_of_a_thousand_tells_once(office: Office, story_of: StoryOf) -> None:
    """A thousand settlements that cross once bring one mail."""
    story = await story_of(paid="11.3")
    ids = [f"CA{n}" for n in range(1000)]
    for part in range(0, 1000, 100):
        await story.start_all(ids[part : part + 100], Channel.CHAT)
    for part in range(0, 1000, 100):
        await story.end_all(
            [(i, "completed", (costs("llm", "0.008"),)) for i in ids[part : part + 100]]
        )
    assert (await story.balances())[1] == "0.9"
    assert await alerts(office, story) == ["below_warning"]


async def test_eight_connections_tell_once(office: Office, story_of: StoryOf) -> None:
    """Settlements on eight connections at a time cross each threshold once."""
    story = await story_of(paid="5.1")
    ids = [f"CA{n}" for n in range(50)]
    await story.start_all(ids)

    async def settle(own: list[str]) -> None:
        for call_id in own:
            await story.end(call_id, "completed", costs("llm", "0.08"))

    await asyncio.gather(*(settle(ids[n::8]) for n in range(8)))
    assert await alerts(office, story) == ["below_warning", "below_floor"]


async def test_the_welcome_is_told(
    office: Office, platform: Platform, make_account: MakeAccount
) -> None:
    """A verified account is welcomed with its bonus, once."""
    account_id = await make_account(verified=True)
    await office.settled(account_id)
    assert office.subjects_to(f"{account_id[5:]}@example.com") == ["Welcome: $0.50 to start with"]
