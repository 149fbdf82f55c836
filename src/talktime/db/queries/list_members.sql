-- An account's members, owners first, then as they were added.
SELECT m.account_id, m.address, m.role, m.mail, m.added_at FROM member m
WHERE m.account_id = %(account_id)s
ORDER BY array_position('{owner,billing,viewer}', m.role), m.added_at, m.address
