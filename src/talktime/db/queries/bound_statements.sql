-- The statements of this transaction may each take so long and no longer.
SELECT set_config('statement_timeout', %(most)s::text, TRUE)
