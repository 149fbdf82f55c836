-- Notes what was told about a call after its end; nothing is debited.
UPDATE call SET late_at = %(now)s, late_outcome = coalesce(%(outcome)s, late_outcome),
    late_lines = coalesce(%(lines)s::json, late_lines)
WHERE account_id = %(account_id)s AND call_id = %(call_id)s AND status = 'ended'
