"""The bots: a process of its own that plays the timetable against Talktime, over HTTP, by the SDK.

Run by the stage as ``python -m talktime.demo.bots``, with TALKTIME_URL and TALKTIME_KEY in the
environment; what happens is told on stdout, a JSON object per line.
"""

import argparse
import asyncio
import logging
import os

from talktime.demo import scenes, timetable
from talktime.demo.recordings import read_recordings
from talktime.demo.troupe import Troupe
from talktime_sdk import TalktimeClient


async def play_everything(troupe: Troupe) -> None:
    """The whole afternoon, except for the bot that is going to be killed."""
    recordings = read_recordings()
    calls = [
        asyncio.create_task(scene)
        for scene in (
            scenes.play_recording(troupe, 1.0, recordings["CA1"]),
            scenes.play_example(troupe, 4.0, recordings["worked-example-60s"]),
            scenes.tell_afterwards(troupe, 18.0, recordings["worked-example-5min"]),
            *(troupe.take(booking) for booking in timetable.opening(troupe.dice)),
            *(troupe.take(booking) for booking in timetable.campaign(troupe.dice)),
        )
    ]
    mishaps = [
        asyncio.create_task(scenes.fall_silent(troupe, 7.0)),
        asyncio.create_task(scenes.wait_for_end(troupe, timetable.CRASHED_CALL)),
    ]
    await scenes.run_dry(troupe, mishaps=mishaps, calls=calls)


PARTS = {"everything": play_everything, "crash": scenes.crash}


async def main() -> None:
    """Play one part until it is over."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--part", choices=sorted(PARTS), required=True)
    arguments.add_argument("--account", required=True)
    arguments.add_argument("--speed", type=float, required=True)
    arguments.add_argument("--at", type=float, default=0.0, help="the story's time by now")
    told = arguments.parse_args()
    logging.basicConfig(level=logging.ERROR)
    async with TalktimeClient(os.environ["TALKTIME_URL"], os.environ["TALKTIME_KEY"]) as client:
        await PARTS[told.part](Troupe(client, told.account, told.speed, told.at))


if __name__ == "__main__":
    asyncio.run(main())
