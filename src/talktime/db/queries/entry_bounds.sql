-- Between which numbers an account's entries of a span of time are: from the first, up to before the second.
SELECT
    CASE WHEN w.from_time IS NULL THEN 1 ELSE first_entry_since(a.account_id, w.from_time) END AS low,
    CASE WHEN w.to_time IS NULL THEN a.entry_seq + 1 ELSE first_entry_since(a.account_id, w.to_time) END AS high
FROM account a
CROSS JOIN (SELECT %(from_time)s::timestamptz AS from_time, %(to_time)s::timestamptz AS to_time) w
WHERE a.account_id = %(account_id)s
