-- A bank took a dispute again after what it gave again was credited: in doubt since now, for an operator to look at.
UPDATE dispute d SET doubted_at = %(now)s
WHERE d.account_id = %(account_id)s AND d.dispute_id = %(dispute_id)s AND d.reversal_seq IS NOT NULL
RETURNING d.dispute_id
