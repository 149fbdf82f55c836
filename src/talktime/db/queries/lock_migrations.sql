-- One migration at a time, whoever starts it; released with the session.
SELECT pg_advisory_lock(%s)
