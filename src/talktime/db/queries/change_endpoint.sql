-- Changes what is given of an endpoint's facts; types are set where asked for, since NULL is one of their values.
UPDATE webhook_endpoint e SET url = coalesce(%(url)b::text, e.url),
    description = coalesce(%(description)b::text, e.description),
    types = CASE WHEN %(sets_types)b::boolean THEN %(types)b::text [] ELSE e.types END
WHERE e.account_id = %(account_id)b::text AND e.endpoint_id = %(endpoint_id)b::text
