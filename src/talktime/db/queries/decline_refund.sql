-- An operator says no to a refund that nobody decided yet.
UPDATE refund r SET status = 'declined', answer = %(answer)s, decided_at = %(now)s, ended_at = %(now)s
WHERE r.account_id = %(account_id)s AND r.refund_id = %(refund_id)s AND r.status = 'asked'
RETURNING r.refund_id
