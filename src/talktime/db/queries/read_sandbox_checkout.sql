-- A checkout page of the sandbox.
SELECT s.account_id, s.checkout_id, s.payment_id, s.amount_nanos, s.success_url, s.cancel_url, s.status
FROM sandbox_checkout s WHERE s.account_id = %(account_id)s AND s.checkout_id = %(checkout_id)s
