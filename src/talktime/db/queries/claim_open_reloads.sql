-- Payments by saved cards that are under way and whose provider was not asked of late, marked as asked now.
UPDATE payment p SET checked_at = %(now)s
FROM (
    SELECT o.account_id, o.payment_id FROM payment o
    WHERE o.status IN ('opening', 'waiting') AND o.origin = 'auto_reload' AND o.provider = %(provider)s
        AND (NOT o.needs_customer OR o.checkout_id IS NULL)
        AND coalesce(o.checked_at, o.created_at) < %(asked_before)s
    ORDER BY coalesce(o.checked_at, o.created_at) LIMIT %(limit)s FOR UPDATE SKIP LOCKED
) due
WHERE p.account_id = due.account_id AND p.payment_id = due.payment_id
RETURNING p.account_id, p.payment_id
