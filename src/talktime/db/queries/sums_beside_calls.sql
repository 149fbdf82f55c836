-- The entries between two numbers that are no calls, added up by kind.
SELECT e.kind, count(*) AS entries, sum(e.promo_delta_nanos)::bigint AS promo_nanos,
    sum(e.paid_delta_nanos)::bigint AS paid_nanos
FROM entry e
WHERE e.account_id = %(account_id)s AND e.kind <> 'call' AND e.seq >= %(low)s AND e.seq < %(high)s
GROUP BY e.kind
