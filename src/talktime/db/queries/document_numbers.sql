-- The numbers of the documents that some entries of an account have.
SELECT d.entry_seq, d.number FROM document d
WHERE d.account_id = %(account_id)s AND d.entry_seq = any(%(entry_seq)b::bigint [])
