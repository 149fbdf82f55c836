"""People: members, links by e-mail, sessions, guesses."""

from pathlib import Path

from alembic import op

from talktime.core.address import sign_in_address
from talktime.db.queries import query

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Run the SQL file of the same name, then make owners of those whom it could not spell."""
    connection = op.get_bind().connection.driver_connection
    assert connection is not None
    connection.execute(Path(__file__).with_suffix(".sql").read_bytes())
    for account_id, email, created_at in connection.execute(query("ownerless_accounts")).fetchall():
        connection.execute(
            query("add_member"),
            {
                "account_id": account_id,
                "address": sign_in_address(email),
                "role": "owner",
                "mail": ["alerts", "money_in"],
                "now": created_at,
            },
        )
