"""python -m talktime: the command line."""

from talktime.cli import main

main()
