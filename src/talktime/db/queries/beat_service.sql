-- Says that reports can reach us; a gap longer than the limit was an outage, and health begins anew.
INSERT INTO service_health AS h (healthy_since, beaten_at) VALUES (%(now)s, %(now)s)
ON CONFLICT (only_row) DO UPDATE SET beaten_at = greatest(h.beaten_at, excluded.beaten_at),
    healthy_since = CASE WHEN excluded.beaten_at - h.beaten_at > %(longest_gap)s THEN excluded.beaten_at
        ELSE h.healthy_since END
RETURNING healthy_since
