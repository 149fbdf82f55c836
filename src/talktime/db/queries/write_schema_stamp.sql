-- Says which release's schema this database now has.
INSERT INTO schema_stamp (digest) VALUES (%s) ON CONFLICT (only_row) DO UPDATE SET digest = excluded.digest
