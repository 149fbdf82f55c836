-- Who an account's receipts are made out to; no row where it has not said so.
SELECT b.name, b.address, b.tax_id FROM buyer b WHERE b.account_id = %(account_id)s
