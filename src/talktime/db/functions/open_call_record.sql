-- The calls that run or wait for a price, with what tells how they stand.
CREATE OR REPLACE VIEW open_call_record AS
SELECT c.account_id, c.call_id, c.status, c.billing_status, c.revision, c.last_heard_at, c.lease_ms
FROM open_call o JOIN call c ON c.account_id = o.account_id AND c.call_id = o.call_id;
GRANT SELECT ON open_call_record TO talktime_app;
