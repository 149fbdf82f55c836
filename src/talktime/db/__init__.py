"""PostgreSQL: the only part that speaks to it."""
