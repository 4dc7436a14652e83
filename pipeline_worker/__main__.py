"""``python -m pipeline_worker ADDRESS``: one worker, until its parent or a signal ends it.

The cluster key comes in the environment.
"""

from __future__ import annotations

import argparse
import faulthandler
import logging
import os
import sys

from pipeline_protocol.errors import PointillistError
from pipeline_protocol.keys import user_keys
from pipeline_protocol.lifeline import Lifeline
from pipeline_worker.kinds import KINDS
from pipeline_worker.process import WorkerProcess
from pipeline_worker.warm_up import load_kernels


def main() -> int:
    """Run a worker; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m pipeline_worker", description="A worker of a cluster.")
    parser.add_argument("address", help="of the server: ipc://PATH or tcp://HOST:PORT")
    options = parser.parse_args()
    faulthandler.enable()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    try:
        return WorkerProcess(options.address, user_keys(), KINDS, Lifeline(), load_kernels).run()
    except PointillistError as error:
        sys.stderr.write(f"{error}\n")
        return 1


if __name__ == "__main__":
    status = main()
    logging.shutdown()
    # Threads may still be in a kernel or in HDF5; nobody waits for them.
    os._exit(status)
