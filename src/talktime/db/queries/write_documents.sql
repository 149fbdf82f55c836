-- Writes documents, which are then due no longer, and the last number given of each series.
WITH given AS (
    UPDATE document_series s SET last_number = g.last_number
    FROM unnest(%(series)s::text [], %(last_number)b::bigint []) AS g (series, last_number)
    WHERE s.series = g.series
),
written AS (
    INSERT INTO document (account_id, number, kind, entry_seq, issued_at, amount_nanos, facts)
    SELECT x.account_id, x.number, x.kind, x.entry_seq, %(now)s, x.amount_nanos, x.facts::json
    FROM unnest(%(account)s::text [], %(number)s::text [], %(kind)s::text [], %(entry_seq)b::bigint [],
        %(amount_nanos)b::bigint [], %(facts)s::text [])
        AS x (account_id, number, kind, entry_seq, amount_nanos, facts)
)
DELETE FROM document_due d
USING unnest(%(account)s::text [], %(entry_seq)b::bigint []) AS x (account_id, entry_seq)
WHERE d.account_id = x.account_id AND d.entry_seq = x.entry_seq
