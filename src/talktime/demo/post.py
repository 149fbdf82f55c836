"""The mail of the story: what arrives in the demo's mailbox is told as it comes."""

import asyncio
from typing import Final

from talktime.demo.narrator import Narrator
from talktime.gateways.mailbox import Mailbox

LOOK_SECONDS: Final = 0.3
LATEST_SECONDS: Final = 20.0
"""Real seconds within which a mail of the story must be there."""


class Post:
    """Tells of each mail once."""

    def __init__(self, narrator: Narrator, mailbox: Mailbox) -> None:
        self._narrator = narrator
        self._mailbox = mailbox
        self._subjects: list[str] = []
        self._told: set[str] = set()

    async def watch(self) -> None:
        """Look into the mailbox until cancelled."""
        while True:
            for mail in reversed(await asyncio.to_thread(self._mailbox.newest)):
                if mail.key not in self._told:
                    self._told.add(mail.key)
                    self._subjects.append(mail.subject)
                    self._narrator.say(f"✉ Mail to {mail.to}: {mail.subject}", style="magenta")
            await asyncio.sleep(LOOK_SECONDS)

    async def count(self, beginning: str) -> int:
        """How many mails' subjects begin so, once there is one; 0 where none comes in time."""
        for _ in range(int(LATEST_SECONDS / LOOK_SECONDS)):
            found = sum(subject.startswith(beginning) for subject in self._subjects)
            if found:
                return found
            await asyncio.sleep(LOOK_SECONDS)
        return 0
