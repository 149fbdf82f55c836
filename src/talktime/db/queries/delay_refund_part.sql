-- A part of a refund about which the provider could not be asked is due again later, and says why.
UPDATE refund_part r SET due_at = %(due_at)s, failure = %(failure)s
WHERE r.account_id = %(account_id)s AND r.part_id = %(part_id)s AND r.due_at IS NOT NULL
