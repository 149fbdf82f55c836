-- A number that grows with every rate card added.
SELECT coalesce(max(load_seq), 0) FROM rate_card
