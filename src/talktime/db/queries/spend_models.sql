-- What the lines of an account's charged calls of a period cost, by service, provider and model, as reported.
-- Which calls those are: see spend_parts.
WITH picked AS (
    SELECT c.lines
    FROM call c
    WHERE c.account_id = %(account_id)s AND c.billing_status = 'charged'
        AND c.admitted_at >= %(reached)s::timestamptz AND c.admitted_at < %(until)s::timestamptz
        AND c.settled_at >= %(since)s::timestamptz AND c.settled_at < %(until)s::timestamptz
    UNION ALL
    SELECT k.lines
    FROM (
        SELECT e.account_id, e.ref
        FROM entry e
        WHERE %(by_entry)s::boolean AND e.account_id = %(account_id)s AND e.kind = 'call'
            AND e.seq >= first_entry_since(%(account_id)s, %(since)s::timestamptz)
            AND e.seq < first_entry_since(%(account_id)s, %(until)s::timestamptz)
    ) o
    CROSS JOIN LATERAL (
        SELECT c.lines
        FROM call c
        WHERE c.account_id = o.account_id AND c.call_id = o.ref
            AND NOT (c.admitted_at >= %(reached)s::timestamptz AND c.admitted_at < %(until)s::timestamptz)
    ) k
)
SELECT l.line ->> 0 AS service, l.line ->> 1 AS provider, l.line ->> 2 AS model, count(*) AS lines,
    coalesce(sum((l.line ->> 7)::bigint), 0)::bigint AS cost_nanos
FROM picked p
CROSS JOIN LATERAL json_array_elements(p.lines) AS l (line)
GROUP BY 1, 2, 3
