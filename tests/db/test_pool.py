"""How the application's connections are set."""

from talktime.db.pool import connection_of, open_pool

NAMED = "SELECT application_name FROM pg_stat_activity WHERE pid = pg_backend_pid()"


async def test_operators_can_tell_our_connections(database_url: str) -> None:
    """The database's own lists name the application, or what the operator's URL says."""
    names = []
    for url in (database_url, f"{database_url} application_name=worker-2"):
        async with open_pool(url, size=1) as pool, connection_of(pool) as connection:
            row = await (await connection.execute(NAMED)).fetchone()
            names.append(row)
    assert names == [("talktime",), ("worker-2",)]
