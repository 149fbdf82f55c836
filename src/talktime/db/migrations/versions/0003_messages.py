"""Messages to people, and the queue of jobs that sends them.

The queue's tables and functions are Procrastinate's own, as the installed package brings them.
"""

from importlib.resources import files
from pathlib import Path

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Run the SQL files of the same name, the package's schema between them."""
    connection = op.get_bind().connection.driver_connection
    assert connection is not None
    here = Path(__file__)
    connection.execute(here.with_suffix(".sql").read_bytes())
    connection.execute(here.with_name("0003_jobs_begin.sql").read_bytes())
    connection.execute((files("procrastinate.sql") / "schema.sql").read_bytes())
    connection.execute(here.with_name("0003_jobs_end.sql").read_bytes())
