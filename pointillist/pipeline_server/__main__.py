"""``python -m pipeline_server ADDRESS``: a server, until its parent, a signal or another server ends it.

The cluster key comes in the environment, never on the command line, where every user of the machine could read it.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from pipeline_files.places import log_folder
from pipeline_protocol.addresses import Interface, local_endpoint, port_of
from pipeline_protocol.discovery import DEFAULT_CLUSTER, Announcement
from pipeline_protocol.errors import PointillistError, ServerError
from pipeline_protocol.keys import ClusterKeys, user_keys
from pipeline_protocol.lifeline import EXIT_REPLACED, Lifeline
from pipeline_protocol.logs import JobLogs, note, start_logging
from pipeline_protocol.version import program_version
from pipeline_protocol.waker import Waker
from pipeline_server.door import Door
from pipeline_server.presence import Presence, Rank
from pipeline_server.reception import Reception
from pipeline_server.service import Service
from pipeline_server.standing import Standing

log = logging.getLogger("pointillist.server")


def main() -> int:
    """Run a server; return the exit status."""
    options = _parse()
    faulthandler.enable()
    start_logging("server", log_folder(), JobLogs(log_folder()))
    try:
        with contextlib.ExitStack() as stack:
            return _serve(options, stack)
    except PointillistError as error:
        sys.stderr.write(f"{error}\n")
        return 1


def _serve(options: argparse.Namespace, stack: contextlib.ExitStack) -> int:
    lifeline, waker, keys = Lifeline(), Waker(), user_keys()
    announcement = Announcement(options.announce) if options.announce else None
    if announcement is not None:
        stack.callback(announcement.close)
    door = _open_door(options.address, keys, [*lifeline.fds, waker.fd])
    stack.callback(door.close)
    address = local_endpoint(door.address)
    standing = Standing(cluster=options.cluster)
    if announcement is not None:
        announcement.publish(address)
        presence = _presence(options, standing, keys, door.address, waker)
        stack.callback(presence.close)
        standing.leader = lambda: presence.leader
    note(log, logging.INFO, "started", address=address, version=program_version(), cluster=options.cluster)
    stack.callback(note, log, logging.INFO, "ended")
    if options.ready_fd is not None:
        with os.fdopen(options.ready_fd, "w") as ready:
            ready.write(door.address)
    is_replaced = Service(door, Reception(waker.wake, options.state), waker, standing).run(lifeline.is_cut)
    return EXIT_REPLACED if is_replaced else 0


def _open_door(addresses: Sequence[str], keys: ClusterKeys, fds: Sequence[int]) -> Door:
    """Listen on the first address that is free."""
    for address in addresses[:-1]:
        with contextlib.suppress(ServerError):
            return Door(address, keys, fds)
    return Door(addresses[-1], keys, fds)


def _presence(
    options: argparse.Namespace, standing: Standing, keys: ClusterKeys, address: str, waker: Waker
) -> Presence:
    networks = tuple(options.on.split(",")) if options.on else ()
    return Presence(
        cluster=options.cluster,
        keys=keys,
        interface=Interface(bind=networks[0], addresses=networks) if networks else None,
        port=port_of(address),
        rank=Rank(is_hidden=not networks, epoch=standing.epoch, server=standing.server),
        wake=waker.wake,
    )


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m pipeline_server", description="The server of a cluster.")
    parser.add_argument(
        "address", nargs="+", help="ipc://PATH, tcp://HOST:PORT or tcp://HOST:*; the first that is free"
    )
    parser.add_argument("--state", type=Path, help="file that lists the journals at work")
    parser.add_argument("--announce", type=Path, help="file in which others find the address")
    parser.add_argument("--cluster", default=DEFAULT_CLUSTER, help="what it announces itself as")
    parser.add_argument("--on", help="addresses of this machine to announce on the network, with commas")
    parser.add_argument("--ready-fd", type=int, help="descriptor to write to, once all is ready, where it listens")
    return parser.parse_args()


if __name__ == "__main__":
    status = main()
    logging.shutdown()
    # Helpers may still be at a file, which is made to bear that; nobody waits for them.
    os._exit(status)
