-- The quarters of an hour whose roll-up is not the sum of the calls charged in them.
SELECT coalesce(r.account_id, s.account_id) AS account_id, coalesce(r.bucket_start, s.bucket_start) AS bucket_start,
    coalesce(r.calls, 0) AS kept_calls, coalesce(r.charge_nanos, 0) AS kept_nanos,
    coalesce(s.calls, 0) AS summed_calls, coalesce(s.charge_nanos, 0)::bigint AS summed_nanos
FROM (
    SELECT * FROM usage_rollup u WHERE u.account_id BETWEEN %(first_account)s AND %(last_account)s
) r
FULL JOIN (
    SELECT c.account_id,
        date_bin('15 minutes', c.settled_at, timestamptz '2000-01-01 00:00:00+00') AS bucket_start,
        count(*) AS calls, sum(c.llm_nanos) AS llm_nanos, sum(c.stt_nanos) AS stt_nanos,
        sum(c.tts_nanos) AS tts_nanos, sum(c.sip_nanos) AS sip_nanos, sum(c.margin_nanos) AS margin_nanos,
        sum(c.charge_nanos) AS charge_nanos
    FROM call c
    WHERE c.billing_status = 'charged' AND c.account_id BETWEEN %(first_account)s AND %(last_account)s
    GROUP BY 1, 2
) s ON s.account_id = r.account_id AND s.bucket_start = r.bucket_start
WHERE (r.calls, r.llm_nanos, r.stt_nanos, r.tts_nanos, r.sip_nanos, r.margin_nanos, r.charge_nanos)
    IS DISTINCT FROM (s.calls, s.llm_nanos, s.stt_nanos, s.tts_nanos, s.sip_nanos, s.margin_nanos, s.charge_nanos)
ORDER BY 1, 2
