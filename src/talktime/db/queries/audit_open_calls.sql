-- The calls of some accounts that are open and not listed so, or listed as open and are not.
SELECT account_id, call_id, o.call_id IS NOT NULL AS listed
FROM (
    SELECT c.account_id, c.call_id FROM call c
    WHERE c.billing_status IN ('pending', 'unpriced')
        AND c.account_id BETWEEN %(first_account)s AND %(last_account)s
) c
FULL JOIN (
    SELECT o.account_id, o.call_id FROM open_call o
    WHERE o.account_id BETWEEN %(first_account)s AND %(last_account)s
) o USING (account_id, call_id)
WHERE c.call_id IS NULL OR o.call_id IS NULL
ORDER BY account_id, call_id
