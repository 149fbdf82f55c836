-- Accounts without any member.
SELECT a.account_id, a.email, a.created_at FROM account a
WHERE NOT EXISTS (SELECT 1 FROM member m WHERE m.account_id = a.account_id)
