-- How many endpoints listen, and how many of them are the platform's.
SELECT count(*), count(*) FILTER (WHERE e.account_id = '')
FROM webhook_endpoint e WHERE e.status = 'enabled'
