-- Locks series of numbers, made where they are new, and answers the last number given of each.
WITH made AS (
    INSERT INTO document_series AS s (series)
    SELECT x.series FROM unnest(%(series)s::text []) AS x (series) ORDER BY 1
    ON CONFLICT (series) DO UPDATE SET last_number = s.last_number
    RETURNING s.series, s.last_number
)
SELECT m.series, m.last_number FROM made m
