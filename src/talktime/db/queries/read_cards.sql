-- Every rate card the operator added, oldest first.
SELECT version, document::text FROM rate_card ORDER BY load_seq
