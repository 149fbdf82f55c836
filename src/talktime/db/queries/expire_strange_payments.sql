-- Payments of a provider that is not set up any more: nobody can pay them, and nobody can be asked.
UPDATE payment p SET status = 'expired', failure = 'its payment provider is not set up any more', settled_at = %(now)s
WHERE p.status IN ('opening', 'waiting') AND p.provider IS DISTINCT FROM %(provider)s AND p.expires_at < %(before)s
