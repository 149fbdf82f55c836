-- Keeps a new webhook endpoint; of an account only where there is one, and never over another of the same id.
INSERT INTO webhook_endpoint (account_id, endpoint_id, url, description, types, secret, created_at)
SELECT %(account_id)b::text, %(endpoint_id)b::text, %(url)b::text, %(description)b::text,
    %(types)b::text [], %(secret)b::text, %(now)b::timestamptz
WHERE %(account_id)b::text = '' OR EXISTS (SELECT 1 FROM account a WHERE a.account_id = %(account_id)b::text)
ON CONFLICT ON CONSTRAINT webhook_endpoint_pk DO NOTHING
