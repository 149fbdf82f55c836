-- Entries that a document is due for, the oldest first, with what will stand on it; of one account or of all.
-- A refund's is about a payment, and follows the receipt of that.
SELECT d.account_id, d.entry_seq, e.kind, abs(e.paid_delta_nanos) AS amount_nanos, e.recorded_at AS paid_at,
    coalesce(p.payment_id, e.ref) AS reference, a.name AS account_name, a.email AS account_email, a.time_zone,
    b.name AS buyer_name, b.address AS buyer_address, b.tax_id AS buyer_tax_id, p.provider,
    CASE e.kind WHEN 'refund' THEN e.ref ELSE p.intent_id END AS provider_reference,
    p.entry_seq AS payment_seq, r.facts::text AS receipt
FROM document_due d
JOIN entry e ON e.account_id = d.account_id AND e.seq = d.entry_seq
JOIN account a ON a.account_id = d.account_id
LEFT JOIN buyer b ON b.account_id = d.account_id
LEFT JOIN refund_part x ON e.kind = 'refund' AND x.account_id = d.account_id AND x.provider_refund_id = e.ref
LEFT JOIN payment p
    ON p.account_id = d.account_id AND p.payment_id = CASE e.kind WHEN 'refund' THEN x.payment_id ELSE e.ref END
LEFT JOIN document r ON e.kind = 'refund' AND r.account_id = d.account_id AND r.entry_seq = p.entry_seq
WHERE %(account_id)s::text IS NULL OR d.account_id = %(account_id)s
ORDER BY d.recorded_at, d.account_id, d.entry_seq LIMIT %(limit)s
