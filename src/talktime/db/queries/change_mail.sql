-- Notes which mail a member chose.
UPDATE member SET mail = %(mail)s::text [] WHERE account_id = %(account_id)s AND address = %(address)s
RETURNING account_id
