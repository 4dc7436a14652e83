"""``python -m pipeline_server ADDRESS``: a server, until its parent or a signal ends it.

The cluster key comes in the environment, never on the command line, where every user of the machine could read it.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import logging
import os
import sys
from pathlib import Path

from pipeline_files.places import log_folder
from pipeline_protocol.discovery import Announcement
from pipeline_protocol.errors import PointillistError
from pipeline_protocol.keys import user_keys
from pipeline_protocol.lifeline import Lifeline
from pipeline_protocol.logs import JobLogs, start_logging
from pipeline_protocol.waker import Waker
from pipeline_server.door import Door
from pipeline_server.reception import Reception
from pipeline_server.service import Service


def main() -> int:
    """Run a server; return the exit status."""
    options = _parse()
    faulthandler.enable()
    start_logging("server", log_folder(), JobLogs(log_folder()))
    lifeline, waker = Lifeline(), Waker()
    try:
        with contextlib.ExitStack() as stack:
            announcement = Announcement(options.announce) if options.announce else None
            if announcement is not None:
                stack.callback(announcement.close)
            door = Door(options.address, user_keys(), [*lifeline.fds, waker.fd])
            stack.callback(door.close)
            if announcement is not None:
                announcement.publish(door.address)
            if options.ready_fd is not None:
                with os.fdopen(options.ready_fd, "w") as ready:
                    ready.write(door.address)
            Service(door, Reception(waker.wake, options.state), waker).run(lifeline.is_cut)
    except PointillistError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m pipeline_server", description="The server of a cluster.")
    parser.add_argument("address", help="ipc://PATH, tcp://HOST:PORT or tcp://HOST:*")
    parser.add_argument("--state", type=Path, help="file that lists the journals at work")
    parser.add_argument("--announce", type=Path, help="file in which others find the address")
    parser.add_argument("--ready-fd", type=int, help="descriptor that the address is written to once all is ready")
    return parser.parse_args()


if __name__ == "__main__":
    status = main()
    logging.shutdown()
    # Helpers may still be at a file, which is made to bear that; nobody waits for them.
    os._exit(status)
