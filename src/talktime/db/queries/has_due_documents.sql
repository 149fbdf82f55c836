-- Whether a document is due on an account.
SELECT EXISTS (SELECT 1 FROM document_due d WHERE d.account_id = %(account_id)s)
