-- Where some of an account's months were first told to begin; months that were not told of are absent.
SELECT m.month, m.starts_at, m.zone FROM month_start m
WHERE m.account_id = %(account_id)s AND m.month = any(%(months)s::date [])
