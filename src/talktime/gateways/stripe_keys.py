"""The names under which Stripe knows a request again, so that a repeated one is done once."""

from hashlib import sha256


def idempotency_key(act: str, *names: str) -> str:
    """The key of an act on what is named; the same names make the same key."""
    # Our ids are unique per account; keys are compared over the whole Stripe account.
    name = "\n".join(names)
    return f"talktime-{act}-{sha256(name.encode()).hexdigest()}"
