"""How much a request may bring, and an answer have."""

from typing import Final

BODY_BYTES_MAX: Final = 2 * 1024 * 1024
PAGE_MAX: Final = 200
PAGE_DEFAULT: Final = 50
BATCH_MAX: Final = 1_000
