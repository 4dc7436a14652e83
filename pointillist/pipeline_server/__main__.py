"""``python -m pointillist.pipeline_server ADDRESS``: a server, until its parent, a signal or another server ends it.

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

from pointillist.errors import PointillistError, ServerError
from pointillist.pipeline_protocol import Waker
from pointillist.pipeline_protocol.discovery import DEFAULT_CLUSTER, Announcement, Interface, local_endpoint, port_of
from pointillist.pipeline_protocol.security import ClusterKeys, user_keys
from pointillist.pipeline_server.cluster import ClusterState, LeaderElection, Priority, ServerSocket
from pointillist.pipeline_server.jobs import SubmissionHandler
from pointillist.pipeline_server.service import Service
from pointillist.supervision import EXIT_REPLACED, JobLogs, ParentWatch, log_folder, start_logging
from pointillist.system import note
from pointillist.version import program_version

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
    parent_watch, waker, keys = ParentWatch(), Waker(), user_keys()
    announcement = Announcement(options.announce) if options.announce else None
    if announcement is not None:
        stack.callback(announcement.close)
    server_socket = _listen(options.address, keys, [*parent_watch.fds, waker.fd])
    stack.callback(server_socket.close)
    address = local_endpoint(server_socket.address)
    cluster_state = ClusterState(cluster=options.cluster)
    if announcement is not None:
        announcement.publish(address)
        election = _elect(options, cluster_state, keys, server_socket.address, waker)
        stack.callback(election.close)
        cluster_state.leader = lambda: election.leader
    note(log, logging.INFO, "started", address=address, version=program_version(), cluster=options.cluster)
    stack.callback(note, log, logging.INFO, "ended")
    if options.ready_fd is not None:
        with os.fdopen(options.ready_fd, "w") as ready:
            ready.write(server_socket.address)
    is_replaced = Service(server_socket, SubmissionHandler(waker.wake, options.state), waker, cluster_state).run(
        parent_watch.is_cut
    )
    return EXIT_REPLACED if is_replaced else 0


def _listen(addresses: Sequence[str], keys: ClusterKeys, fds: Sequence[int]) -> ServerSocket:
    """Listen at the first address that is free."""
    for address in addresses[:-1]:
        with contextlib.suppress(ServerError):
            return ServerSocket(address, keys, fds)
    return ServerSocket(addresses[-1], keys, fds)


def _elect(
    options: argparse.Namespace, cluster_state: ClusterState, keys: ClusterKeys, address: str, waker: Waker
) -> LeaderElection:
    networks = tuple(options.on.split(",")) if options.on else ()
    return LeaderElection(
        cluster=options.cluster,
        keys=keys,
        interface=Interface(bind=networks[0], addresses=networks) if networks else None,
        port=port_of(address),
        priority=Priority(is_hidden=not networks, epoch=cluster_state.epoch, server=cluster_state.server),
        wake=waker.wake,
    )


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m pointillist.pipeline_server", description="The server of a cluster."
    )
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
