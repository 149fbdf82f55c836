-- Adds to the mail that a member chose, and takes from it; what others change at the same time stays.
UPDATE member m SET mail = ARRAY(
    SELECT DISTINCT k.kind FROM unnest(m.mail || %(add)s::text []) AS k (kind)
    WHERE k.kind = any(%(add)s::text []) OR k.kind <> all(%(drop)s::text [])
    ORDER BY k.kind
)
WHERE m.account_id = %(account_id)s AND m.address = %(address)s
RETURNING m.account_id
