-- An account's calls by any of several filters and in any of several orders, and how many match (counted as far as
-- it looks); silence is judged by the given clock. A stated start lies within twelve hours of the admission, which
-- the index knows. In the order of time it looks no further than the page; NULL sorts nothing then.
WITH matching AS (
    SELECT m.call_id, m.admitted_at,
        CASE %(sorts_by)s::text
            -- Free calls come after the charged ones either way, what has no charge yet after both.
            WHEN 'cost' THEN CASE
                WHEN m.is_free THEN 9223372036854775806
                ELSE coalesce(%(sign)s::bigint * m.billed_nanos, 9223372036854775807)
            END
            WHEN 'duration' THEN %(sign)s::bigint * m.ran_ms
        END AS rank
    FROM (
        SELECT c.call_id, c.admitted_at,
            c.charge_nanos AS billed_nanos, c.billing_status = 'free' AS is_free,
            coalesce(
                c.duration_ms,
                floor(
                    extract(
                        EPOCH FROM CASE
                            WHEN %(now)s::timestamptz - c.last_heard_at > c.lease_ms * interval '1 ms'
                                THEN c.last_heard_at
                            ELSE %(now)s::timestamptz
                        END - c.started_at
                    )
                )::bigint * 1000
            ) AS ran_ms
        FROM call c
        WHERE c.account_id = %(account_id)s
            AND (
                %(sorts_by)s::text IS NOT NULL
                OR %(before_time)s::timestamptz IS NULL
                OR (c.admitted_at, c.call_id) < (%(before_time)s::timestamptz, %(before_call)s::text COLLATE "C")
            )
            AND (
                %(status)s::text IS NULL
                OR %(status)s::text = CASE
                    WHEN c.status = 'live' AND %(now)s::timestamptz - c.last_heard_at > c.lease_ms * interval '1 ms'
                        THEN 'silent'
                    ELSE c.status
                END
            )
            AND (%(channel)s::text IS NULL OR c.channel = %(channel)s::text)
            AND (%(outcome)s::text IS NULL OR c.outcome = %(outcome)s::text)
            AND (%(billing_status)s::text IS NULL OR c.billing_status = %(billing_status)s::text)
            -- Calls that are not settled are found in their own list, however many there were: as an array, for the
            -- planner then looks up each.
            AND (
                (
                    coalesce(%(billing_status)s::text, '') NOT IN ('pending', 'unpriced')
                    AND coalesce(%(status)s::text, '') NOT IN ('live', 'silent')
                )
                OR c.call_id = any(ARRAY(SELECT o.call_id FROM open_call o WHERE o.account_id = %(account_id)s))
            )
            AND (%(agent_id)s::text IS NULL OR c.agent_id = %(agent_id)s::text)
            AND (
                %(from_time)s::timestamptz IS NULL
                OR (
                    c.admitted_at >= %(from_time)s::timestamptz - interval '12 hours'
                    AND coalesce(c.stated_started_at, c.admitted_at) >= %(from_time)s::timestamptz
                )
            )
            AND (
                %(to_time)s::timestamptz IS NULL
                OR (
                    c.admitted_at < %(to_time)s::timestamptz + interval '12 hours'
                    AND coalesce(c.stated_started_at, c.admitted_at) < %(to_time)s::timestamptz
                )
            )
            AND (
                %(min_nanos)s::bigint IS NULL
                OR CASE WHEN c.billing_status = 'free' THEN 0 ELSE c.charge_nanos END >= %(min_nanos)s::bigint
            )
            AND (
                %(max_nanos)s::bigint IS NULL
                OR CASE WHEN c.billing_status = 'free' THEN 0 ELSE c.charge_nanos END <= %(max_nanos)s::bigint
            )
            AND (
                %(search)s::text IS NULL
                OR starts_with(c.call_id, %(search)s::text)
                OR (
                    %(number)s::text IS NOT NULL
                    AND (
                        ltrim(regexp_replace(split_part(c.from_number, '@', 1), '[^0-9]', '', 'g'), '0')
                        LIKE %(number)s::text
                        OR ltrim(regexp_replace(split_part(c.to_number, '@', 1), '[^0-9]', '', 'g'), '0')
                        LIKE %(number)s::text
                    )
                )
            )
        ORDER BY c.admitted_at DESC, c.call_id DESC
        LIMIT %(most)s
    ) m
),

page AS (
    SELECT p.call_id, p.admitted_at, p.rank
    FROM matching p
    WHERE %(sorts_by)s::text IS NULL OR %(before_time)s::timestamptz IS NULL
        OR p.rank > %(before_rank)s::bigint
        OR (
            p.rank = %(before_rank)s::bigint
            AND (p.admitted_at, p.call_id) < (%(before_time)s::timestamptz, %(before_call)s::text COLLATE "C")
        )
    ORDER BY p.rank, p.admitted_at DESC, p.call_id DESC
    LIMIT %(limit)s
)

SELECT (SELECT count(*) FROM matching) AS matched, p.rank, c.*
FROM page p
JOIN call_record c ON c.account_id = %(account_id)s AND c.call_id = p.call_id
ORDER BY p.rank, p.admitted_at DESC, p.call_id DESC
