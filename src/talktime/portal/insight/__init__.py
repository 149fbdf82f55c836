"""Spend: where the money went, the dearest calls, and what a planned agent would cost."""
