-- Notes who an account's receipts are made out to from now on.
INSERT INTO buyer AS b (account_id, name, address, tax_id, changed_at)
VALUES (%(account_id)s, %(name)s, %(address)s::text [], %(tax_id)s, %(now)s)
ON CONFLICT (account_id) DO UPDATE SET name = excluded.name, address = excluded.address, tax_id = excluded.tax_id,
    changed_at = excluded.changed_at
