-- Opens an account unless its id is taken.
INSERT INTO account (account_id, name, email, created_at)
VALUES (%(account_id)s, %(name)s, %(email)s, %(now)s)
ON CONFLICT (account_id) DO NOTHING
RETURNING account_id
