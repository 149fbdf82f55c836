-- One card at a time, so that load_seq has no two alike.
SELECT pg_advisory_xact_lock(hashtext('talktime.rate_card'))
