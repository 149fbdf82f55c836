"""What becomes of accounts and sessions that were there before there were people."""

from importlib.resources import files

from talktime.core.address import sign_in_address
from talktime.db.migrate import upgrade
from tests.db.test_migrations import MakeDatabase, make_database, owner_of

__all__ = ["make_database"]

BEFORE = (
    ("acct-1", "Ada@Example.COM"),
    ("acct-2", "ada+bots@b\N{LATIN SMALL LETTER U WITH DIAERESIS}cher.example"),
)


def test_every_account_has_an_owner(
    make_database: MakeDatabase,
    worker_id: str,
) -> None:
    """Each account's address is its owner, in the form in which people are known, and sessions that
    were open stay open."""
    conninfo = make_database(f"people_{worker_id}")
    source = files("talktime.db")
    first = source / "migrations" / "versions" / "0001_initial.sql"
    with owner_of(conninfo) as owner:
        owner.execute((source / "app_role.sql").read_bytes())
        owner.execute(first.read_bytes())
        owner.execute("CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)")
        owner.execute("INSERT INTO alembic_version VALUES ('0001')")
        for account_id, email in BEFORE:
            owner.execute(
                "INSERT INTO account (account_id, name, email, created_at)"
                " VALUES (%s, 'Ada', %s, '2026-01-01Z')",
                [account_id, email],
            )
        owner.execute(
            "INSERT INTO browser_session (account_id, secret_sha256, created_at, expires_at)"
            " VALUES ('acct-1', 'x', now(), now() + interval '1 hour')"
        )
    upgrade(conninfo)
    with owner_of(conninfo) as owner:
        members = owner.execute(
            "SELECT account_id, address, role, mail FROM member ORDER BY account_id"
        ).fetchall()
        sessions = owner.execute(
            "SELECT address, role, length(session_id) FROM browser_session"
        ).fetchall()
    assert members == [
        (account_id, sign_in_address(email), "owner", ["alerts", "money_in"])
        for account_id, email in BEFORE
    ]
    assert sessions == [(None, "owner", 32)]
