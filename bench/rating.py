"""What Python alone needs per call: parse four lines, merge, rate, decide the end."""

import time

from bench import book
from bench.report import Figure

CALLS = 5_000


def rating_figure() -> Figure:
    now = book.utc_now()
    facts = book.starts(book.call_keys("ra", 1, 1))[0]
    for _ in range(200):
        book.settlement(facts, now)
    begin = time.process_time()
    for _ in range(CALLS):
        book.settlement(facts, now)
    spent = time.process_time() - begin
    return Figure(
        part="rating",
        name="rating in Python: four lines parsed, merged, priced, the end decided",
        per_second=CALLS / spent,
        python_us=spent / CALLS * 1e6,
    )
