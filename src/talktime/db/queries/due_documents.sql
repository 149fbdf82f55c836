-- Entries that a document is due for, the oldest first, with what will stand on it; of one account or of all.
SELECT d.account_id, d.entry_seq, e.kind, e.paid_delta_nanos AS amount_nanos, e.recorded_at AS paid_at,
    e.ref AS reference, a.name AS account_name, a.email AS account_email, a.time_zone, b.name AS buyer_name,
    b.address AS buyer_address, b.tax_id AS buyer_tax_id, p.provider, p.intent_id AS provider_reference
FROM document_due d
JOIN entry e ON e.account_id = d.account_id AND e.seq = d.entry_seq
JOIN account a ON a.account_id = d.account_id
LEFT JOIN buyer b ON b.account_id = d.account_id
LEFT JOIN payment p ON p.account_id = d.account_id AND p.payment_id = e.ref
WHERE %(account_id)s::text IS NULL OR d.account_id = %(account_id)s
ORDER BY d.recorded_at, d.account_id, d.entry_seq LIMIT %(limit)s
