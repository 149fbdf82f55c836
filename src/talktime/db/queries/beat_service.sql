-- Says that reports can reach us; a gap longer than the limit was an outage, and health begins anew.
-- So it does where the last beat lies ahead of us: a clock that was set back has told us nothing.
INSERT INTO service_health AS h (healthy_since, beaten_at) VALUES (%(now)s, %(now)s)
ON CONFLICT (only_row) DO UPDATE SET
    beaten_at = CASE WHEN excluded.beaten_at < h.beaten_at - %(longest_gap)s THEN excluded.beaten_at
        ELSE greatest(h.beaten_at, excluded.beaten_at) END,
    healthy_since = CASE WHEN excluded.beaten_at BETWEEN h.beaten_at - %(longest_gap)s AND h.beaten_at + %(longest_gap)s
        THEN h.healthy_since ELSE excluded.beaten_at END
RETURNING healthy_since
