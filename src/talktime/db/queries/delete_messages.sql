-- Forgets messages older than a moment that nobody will hand over any more, a bounded number at a time.
DELETE FROM message m USING (
    SELECT o.account_id, o.message_id FROM message o
    WHERE o.created_at < %(before)s AND o.state IN ('sent', 'expanded', 'dead')
    ORDER BY o.created_at LIMIT %(limit)s
) d
WHERE m.account_id = d.account_id AND m.message_id = d.message_id
