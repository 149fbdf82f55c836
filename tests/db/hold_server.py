"""Run as a process: start (or attach to) the server of a home, say how it is, hold it until told.

    hold_server.py HOME

Prints one JSON line {pid, conninfo, owned, data_dir, log_file}, or {error}. Then each line on
standard input is answered with a fresh one; the end of input stops the server.
"""

import json
import sys
from pathlib import Path

from talktime.db.embedded import EmbeddedServer, EmbeddedUnavailable, start_server

SETTINGS = {"fsync": "off", "shared_buffers": "16MB", "min_wal_size": "32MB"}


def describe(server: EmbeddedServer) -> str:
    return json.dumps(
        {
            "pid": server.pid,
            "conninfo": server.conninfo(),
            "owned": server.owned,
            "data_dir": str(server.data_dir),
            "log_file": str(server.log_file),
        }
    )


def main() -> None:
    try:
        server = start_server(Path(sys.argv[1]), settings=SETTINGS)
    except EmbeddedUnavailable as error:
        print(json.dumps({"error": error.message}), flush=True)
        return
    print(describe(server), flush=True)
    for _ in sys.stdin:
        server.ensure_running()
        print(describe(server), flush=True)
    server.stop()


main()
