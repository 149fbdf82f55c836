-- The agents of an account's last calls, for people to choose from.
SELECT DISTINCT l.agent_id
FROM (
    SELECT c.agent_id FROM call c WHERE c.account_id = %(account_id)s
    ORDER BY c.admitted_at DESC, c.call_id DESC LIMIT %(most)s
) l
WHERE l.agent_id IS NOT NULL
ORDER BY l.agent_id LIMIT %(limit)s
