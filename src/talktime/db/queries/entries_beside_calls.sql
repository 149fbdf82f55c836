-- Which entries match among the next so many that are no calls, newest first, and how far down those reach.
WITH walked AS MATERIALIZED (
    SELECT e.seq, e.kind, e.ref, e.note, e.promo_delta_nanos + e.paid_delta_nanos AS amount_nanos
    FROM entry e
    WHERE e.account_id = %(account_id)s AND e.kind <> 'call' AND e.seq >= %(low)s AND e.seq < %(high)s
    ORDER BY e.seq DESC LIMIT %(walk)s
)
SELECT
    coalesce((SELECT min(w.seq) FROM walked w HAVING count(*) = %(walk)s), %(low)s) AS reached,
    array(
        SELECT w.seq FROM walked w
        WHERE (%(kind)s::text IS NULL OR w.kind = %(kind)s)
            AND (
                %(text)s::text = '' OR starts_with(w.ref, %(text)s::text) OR w.note ILIKE %(note)s::text
                OR w.amount_nanos = any(%(amounts)s::bigint [])
            )
        ORDER BY w.seq DESC LIMIT %(limit)s
    ) AS seqs
