"""``python -m pointillist.pipeline_worker ADDRESS``: one worker, until its parent or a signal ends it.

The cluster key comes in the environment.
"""

from __future__ import annotations

import argparse
import faulthandler
import logging
import os
import sys

from pointillist.errors import PointillistError
from pointillist.pipeline_files import DataRoots
from pointillist.pipeline_protocol.security import UserSecret, user_keys
from pointillist.pipeline_worker.data_access import DataAccess, MapCache
from pointillist.pipeline_worker.frame_client import FrameClient
from pointillist.pipeline_worker.process import WorkerProcess
from pointillist.pipeline_worker.tasks import kinds
from pointillist.supervision import CachedKernels, log_folder, start_logging


def main() -> int:
    """Run a worker; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m pointillist.pipeline_worker", description="A worker of a cluster.")
    parser.add_argument("address", help="address of the server: ipc://PATH or tcp://HOST:PORT")
    parser.add_argument(
        "--replaces", type=int, metavar="PID", help="process number of the dead worker that this one replaces"
    )
    options = parser.parse_args()
    faulthandler.enable()
    start_logging("worker", log_folder())
    try:
        frame_client = FrameClient()
        access = DataAccess(
            roots=DataRoots.of_this_machine(),
            user_secret=UserSecret.of_user(),
            frame_client=frame_client,
            maps=MapCache(),
        )
        worker = WorkerProcess(
            options.address,
            user_keys(),
            kinds(access),
            frame_client=frame_client,
            kernels=CachedKernels(os.environ),
            replaced_pid=options.replaces,
        )
        return worker.run()
    except PointillistError as error:
        sys.stderr.write(f"{error}\n")
        return 1


if __name__ == "__main__":
    status = main()
    logging.shutdown()
    # Threads may still be in a kernel or in HDF5; nobody waits for them.
    os._exit(status)
