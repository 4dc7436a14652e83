"""What every test shares: a kernel cache keyed by the kernels' sources, and the folder of real data."""

from __future__ import annotations

import atexit
import ctypes
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

from pointillist.supervision.cache_key import cache_key

settings.register_profile("pointillist", deadline=None, derandomize=True)
settings.load_profile("pointillist")


def _key_kernel_cache() -> None:
    # Numba does not notice an edited callee in another file, so every state of the sources has a cache of its own.
    folder = Path(tempfile.gettempdir()) / f"pointillist-tests-{os.getuid()}" / cache_key(os.environ)
    os.environ.setdefault("NUMBA_CACHE_DIR", str(folder))


_key_kernel_cache()


def _leave_home() -> None:
    # What a user has (keys, settings, results, logs) is neither looked at nor touched.
    home = tempfile.mkdtemp(prefix="pointillist-home-")
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    wishes = (f"POINTILLIST_{name}" for name in ("ALLOW", "CLUSTER", "CLUSTER_KEY", "CONFIG", "SERVER", "STATE"))
    folders = (f"XDG_{name}_HOME" for name in ("CACHE", "CONFIG", "DATA", "STATE"))
    for name in ("PYMEDATADIR", *wishes, *folders):
        os.environ.pop(name, None)
    os.environ |= {"HOME": home, "POINTILLIST_LOGS": f"{home}/logs"}


_leave_home()

_NEW_NETWORK = 0x40000000
"""CLONE_NEWNET of unshare(2)."""


def _leave_network() -> None:
    # As root a run has a network of its own: runs side by side do not find each other's servers.
    if sys.platform == "linux" and os.geteuid() == 0 and shutil.which("ip"):
        if ctypes.CDLL(None).unshare(_NEW_NETWORK) == 0:
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


_leave_network()

# No test speaks to the network that this machine is on, nor to a server that its user runs.
os.environ["POINTILLIST_INTERFACE"] = "127.0.0.1"

SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real movies and reference vectors, beside the checkout."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no real data at {SHARED_DATA}")
    return SHARED_DATA
