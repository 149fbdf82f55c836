-- The accounts that a person is a member of, by name.
WITH mine AS (SELECT m.account_id, m.role FROM member m WHERE m.address = %(address)s)
SELECT mine.account_id, a.name AS account_name, mine.role
FROM mine JOIN account a ON a.account_id = mine.account_id
ORDER BY lower(a.name), mine.account_id LIMIT %(limit)s
