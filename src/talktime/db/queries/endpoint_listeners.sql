-- How many endpoints listen, how many of them are the platform's, how many take nothing, and how many we gave up.
SELECT count(*) FILTER (WHERE e.status = 'enabled'),
    count(*) FILTER (WHERE e.status = 'enabled' AND e.account_id = ''),
    count(*) FILTER (WHERE e.status = 'enabled' AND e.failing_since IS NOT NULL),
    count(*) FILTER (WHERE e.disabled_reason <> 'by_hand')
FROM webhook_endpoint e
