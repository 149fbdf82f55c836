-- Ends a membership, and with it the person's sessions on the account.
WITH gone AS (
    DELETE FROM member m WHERE m.account_id = %(account_id)s AND m.address = %(address)s
    RETURNING m.account_id, m.address
), closed AS (
    DELETE FROM browser_session s USING gone g
    WHERE s.account_id = g.account_id AND s.address = g.address
)
SELECT g.account_id FROM gone g
