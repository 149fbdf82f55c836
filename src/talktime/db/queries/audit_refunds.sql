-- What accounts and payments say went back or is set aside, where their refunds and disputes say otherwise; and
-- refunds and disputes whose entries are not there, or the other way.
SELECT f.account_id, f.what, f.kept, f.summed
FROM (
    SELECT a.account_id, 'reserved for refunds' AS what, a.refund_reserved_nanos AS kept, (
        SELECT coalesce(sum(r.reserved_nanos), 0)::bigint FROM refund_part r WHERE r.account_id = a.account_id
    ) AS summed
    FROM account a WHERE a.account_id BETWEEN %(first_account)s AND %(last_account)s
    UNION ALL
    SELECT p.account_id, 'payment ' || p.payment_id || ' ' || v.what, v.kept, v.summed
    FROM payment p
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(r.reserved_nanos), 0)::bigint AS reserved,
            coalesce(sum(r.amount_nanos) FILTER (
                WHERE r.entry_seq IS NOT NULL AND r.reversal_seq IS NULL
            ), 0)::bigint AS refunded
        FROM refund_part r WHERE r.account_id = p.account_id AND r.payment_id = p.payment_id
    ) b
    CROSS JOIN LATERAL (
        SELECT (coalesce(sum(d.withdrawn_nanos) FILTER (WHERE d.entry_seq IS NOT NULL), 0)
            - coalesce(sum(d.reinstated_nanos) FILTER (WHERE d.reversal_seq IS NOT NULL), 0))::bigint AS disputed
        FROM dispute d WHERE d.account_id = p.account_id AND d.payment_id = p.payment_id
    ) t
    CROSS JOIN LATERAL (
        VALUES ('reserved', p.reserved_nanos, b.reserved), ('refunded', p.refunded_nanos, b.refunded),
            ('disputed', p.disputed_nanos, t.disputed)
    ) AS v (what, kept, summed)
    WHERE p.account_id BETWEEN %(first_account)s AND %(last_account)s
    UNION ALL
    SELECT coalesce(s.account_id, e.account_id), 'entry ' || coalesce(s.kind, e.kind) || ' ' || coalesce(s.ref, e.ref),
        coalesce(e.paid_delta_nanos, 0), coalesce(s.delta, 0)
    FROM (
        SELECT r.account_id, x.kind, r.provider_refund_id AS ref, x.seq, x.delta
        FROM refund_part r
        CROSS JOIN LATERAL (
            VALUES ('refund', r.entry_seq, -r.amount_nanos), ('refund_reversed', r.reversal_seq, r.amount_nanos)
        ) AS x (kind, seq, delta)
        WHERE x.seq IS NOT NULL AND r.account_id BETWEEN %(first_account)s AND %(last_account)s
        UNION ALL
        SELECT d.account_id, x.kind, d.dispute_id, x.seq, x.delta
        FROM dispute d
        CROSS JOIN LATERAL (
            VALUES ('chargeback', d.entry_seq, -d.withdrawn_nanos),
                ('chargeback_reversed', d.reversal_seq, d.reinstated_nanos)
        ) AS x (kind, seq, delta)
        WHERE x.seq IS NOT NULL AND d.account_id BETWEEN %(first_account)s AND %(last_account)s
    ) s
    FULL JOIN (
        SELECT * FROM entry o
        WHERE o.account_id BETWEEN %(first_account)s AND %(last_account)s AND o.kind <> 'call'
            AND o.kind IN ('refund', 'refund_reversed', 'chargeback', 'chargeback_reversed')
    ) e ON e.account_id = s.account_id AND e.kind = s.kind AND e.ref = s.ref AND e.seq = s.seq
) f
WHERE f.kept <> f.summed
ORDER BY 1, 2
