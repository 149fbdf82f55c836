-- An account's calls, newest first, by any of several filters; silence is judged by the given clock.
SELECT c.*
FROM call_record c
WHERE c.account_id = %(account_id)s
    AND (
        %(before_time)s::timestamptz IS NULL
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
    AND (%(agent_id)s::text IS NULL OR c.agent_id = %(agent_id)s::text)
    AND (
        %(from_time)s::timestamptz IS NULL
        OR coalesce(c.stated_started_at, c.admitted_at) >= %(from_time)s::timestamptz
    )
    AND (
        %(to_time)s::timestamptz IS NULL
        OR coalesce(c.stated_started_at, c.admitted_at) < %(to_time)s::timestamptz
    )
ORDER BY c.admitted_at DESC, c.call_id DESC
LIMIT %(limit)s
