-- The accounts that a person is a member of, by name.
SELECT m.account_id, a.name AS account_name, m.role FROM member m JOIN account a ON a.account_id = m.account_id
WHERE m.address = %(address)s
ORDER BY lower(a.name), m.account_id LIMIT %(limit)s
