-- Makes somebody a member, unless they are one.
INSERT INTO member (account_id, address, role, mail, added_at)
VALUES (%(account_id)s, %(address)s, %(role)s, %(mail)s::text [], %(now)s)
ON CONFLICT (account_id, address) DO NOTHING
RETURNING account_id
