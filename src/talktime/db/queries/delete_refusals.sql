-- Forgets some of the refusals from before a moment.
DELETE FROM refusal r
WHERE (r.account_id, r.event_seq) IN (
    SELECT o.account_id, o.event_seq FROM refusal o WHERE o.refused_at < %(before)s LIMIT %(limit)s
)
