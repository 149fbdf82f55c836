-- A checkout of the sandbox is paid, or nobody can pay it any more.
UPDATE sandbox_checkout s SET status = %(status)s
WHERE s.account_id = %(account_id)s AND s.checkout_id = %(checkout_id)s AND s.status = 'open'
RETURNING s.checkout_id
