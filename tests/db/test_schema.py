"""Laws of the schema, read from the catalog of the migrated database."""

from talktime.db.pool import Connection

PLATFORM_TABLES = {
    "welcome_claim", "coupon", "rate_card", "service_health", "schema_stamp", "alembic_version",
    "guess_window", "sign_in_link", "document_series",
}  # fmt: skip
"""What one node keeps for everybody; each has no account_id to lead its key, and says why."""


async def test_every_key_begins_with_the_account(connection: Connection) -> None:
    """Primary keys and unique indexes begin with account_id, the platform's own tables aside."""
    cursor = await connection.execute(
        """
        SELECT t.relname, i.relname, a.attname
        FROM pg_index x
        JOIN pg_class t ON t.oid = x.indrelid
        JOIN pg_class i ON i.oid = x.indexrelid
        JOIN pg_namespace n ON n.oid = t.relnamespace
        LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = x.indkey[0]
        WHERE x.indisunique AND n.nspname = 'public'
        """
    )
    keys = await cursor.fetchall()
    assert {row[0] for row in keys} >= {"account", "call", "entry", "event", "usage_rollup"}
    wrong = [row for row in keys if row[0] not in PLATFORM_TABLES and row[2] != "account_id"]
    assert wrong == []


async def test_every_table_has_a_primary_key(connection: Connection) -> None:
    """No table without a primary key: each row can be named, and replicated."""
    cursor = await connection.execute(
        """
        SELECT t.relname FROM pg_class t JOIN pg_namespace n ON n.oid = t.relnamespace
        WHERE t.relkind IN ('r', 'p') AND n.nspname = 'public'
            AND NOT EXISTS (SELECT 1 FROM pg_index x WHERE x.indrelid = t.oid AND x.indisprimary)
        """
    )
    assert await cursor.fetchall() == []


async def test_money_is_whole_nanos(connection: Connection) -> None:
    """Columns that end in _nanos are bigint, and no column is a float, money or numeric."""
    cursor = await connection.execute(
        """
        SELECT table_name, column_name, data_type FROM information_schema.columns
        WHERE table_schema = 'public' AND (
            (column_name LIKE '%\\_nanos' AND data_type <> 'bigint')
            OR data_type IN ('real', 'double precision', 'money', 'numeric'))
        """
    )
    assert await cursor.fetchall() == []


async def test_times_have_zones(connection: Connection) -> None:
    """Every time is an instant: no column is a timestamp without time zone."""
    cursor = await connection.execute(
        """
        SELECT table_name, column_name FROM information_schema.columns
        WHERE table_schema = 'public'
            AND data_type = 'timestamp without time zone'
        """
    )
    assert await cursor.fetchall() == []


async def test_nothing_ties_accounts_together(connection: Connection) -> None:
    """No foreign keys and no sequences on our tables: nothing that one node alone could serve."""
    cursor = await connection.execute(
        """
        SELECT conname FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid
        WHERE c.contype = 'f'
            AND t.relnamespace = 'public'::regnamespace
        UNION ALL
        SELECT relname FROM pg_class
        WHERE relkind = 'S'
            AND relnamespace = 'public'::regnamespace
        """
    )
    assert await cursor.fetchall() == []
