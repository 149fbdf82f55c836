-- By how many milliseconds a clock is ahead of the database's own.
SELECT (extract(EPOCH FROM %(now)s::timestamptz - clock_timestamp()) * 1000)::bigint
