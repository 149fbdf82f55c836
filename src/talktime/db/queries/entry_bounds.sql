-- Between which numbers an account's entries of a span of time are: from the first, up to before the second.
SELECT
    CASE WHEN %(from_time)s::timestamptz IS NULL THEN 1 ELSE first_entry_since(a.account_id, %(from_time)s) END AS low,
    CASE WHEN %(to_time)s::timestamptz IS NULL THEN a.entry_seq + 1 ELSE first_entry_since(a.account_id, %(to_time)s)
    END AS high
FROM account a WHERE a.account_id = %(account_id)s
