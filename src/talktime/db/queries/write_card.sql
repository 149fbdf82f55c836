-- Adds a rate card unless its version is there already.
INSERT INTO rate_card (version, document, loaded_at, load_seq)
SELECT %(version)s, %(document)s::json, %(now)s, coalesce(max(load_seq), 0) + 1 FROM rate_card
ON CONFLICT (version) DO NOTHING
