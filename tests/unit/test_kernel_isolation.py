"""What numba and the environment of a host are after it has used us."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HOST = """
import os, sys
import numba, numpy as np
from numba import config

@numba.njit(cache=True)
def before(x):
    return x + 1

before(1)
options = {name: value for name, value in vars(config).items() if name.isupper()}
environment = dict(os.environ)
features = before.targetctx.codegen().magic_tuple()

from pointillist.supervision import use_cached_kernels
from pointillist.supervision import kernel_cache
from pathlib import Path

def compile_nothing(folder, environment):
    return None

kernel_cache._compile = compile_nothing
told = []
folder = use_cached_kernels(told.append)
assert told == [kernel_cache.COMPILING], told
assert use_cached_kernels(told.append) == folder
assert len(told) == 1, told

from pointillist.fitting.camera import _correction_kernels
from pointillist.fitting.jit import kernel

@kernel
def ours(x):
    return x + 1

@kernel
def ours_again(x):
    return ours(x) + np.zeros(3).sum()

assert ours_again(1) == 2

@numba.njit(cache=True)
def after(x):
    return x + 1

@numba.njit(cache=True)
def calls_both(x):
    return ours(x) + before(x)

assert (after(1), calls_both(1)) == (2, 4)
assert {name: value for name, value in vars(config).items() if name.isupper()} == options
assert dict(os.environ) == environment
assert before.targetctx.codegen().magic_tuple() == features
places = [Path(each.stats.cache_path).parent for each in (before, after, calls_both)]
assert places == [Path(sys.argv[1])] * 3, places
for each in (ours, ours_again):
    assert Path(each.stats.cache_path).is_relative_to(folder), each.stats
    assert list(Path(each.stats.cache_path).glob(f"*{each.__name__}*.nbc")), each
"""


def test_a_host_keeps_its_options_environment_and_cache_and_kernels_are_in_theirs(tmp_path: Path) -> None:
    (tmp_path / "host.py").write_text(HOST)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA")}
    environment = {**kept, "NUMBA_CACHE_DIR": str(tmp_path / "numba"), "POINTILLIST_CACHE": str(tmp_path / "cache")}
    command = [sys.executable, "host.py", str(tmp_path / "numba")]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_without_a_folder_kernels_are_where_numba_keeps_them(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path\n"
        "from pointillist.fitting.jit import kernel, kernel_folder\n"
        "@kernel\n"
        "def ours(x): return x + 1\n"
        "ours(1)\n"
        "assert kernel_folder() is None\n"
        "assert Path(ours.stats.cache_path).parent == Path('numba').absolute()\n"
    )
    (tmp_path / "host.py").write_text(code)
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "numba")}
    command = [sys.executable, "host.py"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
