-- Accounts with pages on which a card may have been saved without our hearing of it, marked as asked now.
UPDATE saved_card s SET setup_checked_at = %(now)s
FROM (
    SELECT o.account_id, o.provider FROM saved_card o
    WHERE o.setup_id IS NOT NULL AND o.provider = %(provider)s
        AND coalesce(o.setup_checked_at, o.setup_at) < %(asked_before)s AND o.setup_checkout_id IS NOT NULL
    ORDER BY coalesce(o.setup_checked_at, o.setup_at) LIMIT %(limit)s FOR UPDATE SKIP LOCKED
) due
WHERE s.account_id = due.account_id AND s.provider = due.provider
RETURNING s.account_id
