-- Gives a member another role.
UPDATE member SET role = %(role)s WHERE account_id = %(account_id)s AND address = %(address)s
RETURNING account_id
