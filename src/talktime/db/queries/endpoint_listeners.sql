-- Whether any endpoint listens, and whether one of the platform's does.
SELECT count(*) > 0, count(*) FILTER (WHERE e.account_id = '') > 0
FROM webhook_endpoint e WHERE e.status = 'enabled'
