-- Since when reports can reach us, unless the last beat is too long ago.
SELECT h.healthy_since FROM service_health h WHERE h.beaten_at >= %(now)s - %(longest_gap)s::interval
