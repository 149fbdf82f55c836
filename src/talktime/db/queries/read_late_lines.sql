-- The lines noted beside a call after its end.
SELECT late_lines::text FROM call WHERE account_id = %(account_id)s AND call_id = %(call_id)s AND late_lines IS NOT NULL
