"""`talktime demo`: a customer's afternoon, played by bots in a process of their own.

stage       the server, the worker and the story as it is told in the terminal
bots        a process of their own: they speak HTTP through the SDK, like anybody's bots
timetable   who calls when
agents      what the customer's agents use while they talk
recordings  calls recorded elsewhere, played back as they were
closing     what it all came to
"""
