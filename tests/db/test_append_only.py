"""What was entered stays entered: the database itself refuses to change the ledger."""

import psycopg
import pytest

from talktime.db.migrate import APP_ROLE
from talktime.db.pool import Connection
from tests.db.desk import USD, Desk

CHANGES = {
    "update": "UPDATE entry SET paid_delta_nanos = 0 WHERE account_id = 'x'",
    "delete": "DELETE FROM entry WHERE account_id = 'x'",
    "truncate": "TRUNCATE entry",
    "truncate all": "TRUNCATE account, call, entry CASCADE",
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
async def test_the_application_has_no_right_to(connection: Connection, change: str) -> None:
    """The application's role may add entries, but lacks the right to change or remove one."""
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        await connection.execute(change)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_even_the_owner_is_refused(database_url: str, change: str) -> None:
    """The schema's owner has the right, and a trigger in the way: SQLSTATE TT001."""
    with psycopg.connect(database_url) as owner, pytest.raises(psycopg.Error) as refused:
        owner.execute(change)
    assert refused.value.sqlstate == "TT001"


async def test_an_entry_survives_all_attempts(desk: Desk, database_url: str) -> None:
    """After every attempt, by whomever, the entry reads as it was written."""
    account = await desk.open_account(paid=USD)
    before = await desk.rows("entry", account)
    for change in CHANGES.values():
        with psycopg.connect(database_url) as owner, pytest.raises(psycopg.Error):
            owner.execute(change.replace("'x'", f"'{account}'"))
    assert await desk.rows("entry", account) == before


async def test_the_application_owns_nothing(connection: Connection) -> None:
    """No table, view or function belongs to the application's role: it cannot lift its limits."""
    cursor = await connection.execute(
        "SELECT relname FROM pg_class WHERE relowner = %(role)s::regrole"
        " UNION ALL SELECT proname FROM pg_proc WHERE proowner = %(role)s::regrole",
        {"role": APP_ROLE},
    )
    assert await cursor.fetchall() == []
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        await connection.execute("ALTER TABLE entry DISABLE TRIGGER ALL")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        await connection.execute("DROP TABLE entry")


async def test_one_reference_is_one_entry(desk: Desk) -> None:
    """A business reference stands at most once per account and kind: the database says so."""
    account = await desk.open_account(paid=USD)
    with pytest.raises(psycopg.errors.UniqueViolation) as refused:
        await desk.connection.execute(
            "INSERT INTO entry (account_id, seq, kind, ref, promo_delta_nanos, paid_delta_nanos,"
            " promo_after_nanos, paid_after_nanos, reserved_after_nanos, occurred_at, recorded_at)"
            " SELECT account_id, seq + 1, kind, ref, 0, 0, 0, 0, 0, occurred_at, recorded_at"
            " FROM entry WHERE account_id = %s",
            [account],
        )
    assert refused.value.diag.constraint_name == "entry_once_per_reference"


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("promo_nanos = -1", "account_promo_never_negative"),
        ("held_nanos = -1", "account_held_never_negative"),
        ("refund_reserved_nanos = -1", "account_reserved_never_negative"),
        ("status = 'closed'", "account_status_known"),
    ],
)
async def test_balances_that_cannot_be(desk: Desk, change: str, constraint: str) -> None:
    """Below the functions the table itself refuses a balance that must never exist."""
    account = await desk.open_account(paid=USD)
    with pytest.raises(psycopg.errors.CheckViolation) as refused:
        await desk.connection.execute(
            f"UPDATE account SET {change} WHERE account_id = %s", [account]
        )
    assert refused.value.diag.constraint_name == constraint
