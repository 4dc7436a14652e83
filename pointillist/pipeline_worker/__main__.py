"""``python -m pipeline_worker ADDRESS``: one worker, until its parent or a signal ends it.

The cluster key comes in the environment.
"""

from __future__ import annotations

import argparse
import faulthandler
import logging
import os
import sys

from pipeline_files.data_roots import DataRoots
from pipeline_files.places import log_folder
from pipeline_protocol.errors import PointillistError
from pipeline_protocol.keys import user_keys
from pipeline_protocol.logs import start_logging
from pipeline_protocol.vouchers import Owner
from pipeline_worker.access import Access, MapCache
from pipeline_worker.kernel_loader import CachedKernels
from pipeline_worker.process import WorkerProcess
from pipeline_worker.registry import kinds
from pipeline_worker.supply import Supply


def main() -> int:
    """Run a worker; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m pipeline_worker", description="A worker of a cluster.")
    parser.add_argument("address", help="of the server: ipc://PATH or tcp://HOST:PORT")
    parser.add_argument("--replaces", type=int, metavar="PID", help="of a dead worker")
    options = parser.parse_args()
    faulthandler.enable()
    start_logging("worker", log_folder())
    try:
        supply = Supply()
        access = Access(roots=DataRoots.of_this_machine(), owner=Owner.of_user(), supply=supply, maps=MapCache())
        worker = WorkerProcess(
            options.address,
            user_keys(),
            kinds(access),
            supply=supply,
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
