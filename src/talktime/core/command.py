"""What an operator types, for logs that say the next step."""

import shlex


def command(*words: str, account_id: str) -> str:
    """``talktime`` and some words, with whose it is about unless that is nobody's or the
    platform's."""
    owner = ("--account", account_id) if account_id else ()
    return shlex.join(("talktime", *words, *owner))
