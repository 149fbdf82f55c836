-- Who an account is at its provider; the first answer stays.
UPDATE saved_card s SET customer_id = coalesce(s.customer_id, %(customer_id)s)
WHERE s.account_id = %(account_id)s AND s.provider = %(provider)s
RETURNING s.customer_id
