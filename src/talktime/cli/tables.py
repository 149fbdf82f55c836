"""Tables on a terminal: what is copied from them, such as an id, stands whole on its line."""

from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

_WIDE: Final = 10_000


def id_table(ids: Sequence[str], others: Sequence[str], amounts: Sequence[str] = ()) -> Table:
    """A table of columns that are never broken or cut, then of those that may take more lines,
    then of amounts, which stand to the right."""
    table = Table(box=None)
    for heading in ids:
        table.add_column(heading, no_wrap=True)
    for heading in others:
        table.add_column(heading, overflow="fold")
    for heading in amounts:
        table.add_column(heading, justify="right", no_wrap=True)
    return table


def print_table(table: Table) -> None:
    """Print within the terminal, but never narrower than its ids; in full where it is piped."""
    console = Console(highlight=False)
    wide = console.options.update(width=_WIDE)
    for column in table.columns:
        if column.no_wrap:
            cells = (column.header, *column.cells)
            column.min_width = max(Measurement.get(console, wide, one).maximum for one in cells)
    measured = Measurement.get(console, wide, table)
    needed = measured.minimum if console.is_terminal else measured.maximum
    Console(highlight=False, width=max(console.width, needed)).print(table, markup=False)
