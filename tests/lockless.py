"""A folder on a disk without locks: flock fails there, as on NFS without its lock daemon or on Lustre."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

_SHIM = r"""
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
int flock(int file, int operation) {
    const char *folder = getenv("LOCKLESS_FOLDER");
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (folder && length > 0 && !strncmp(path, folder, strlen(folder))) {
        errno = atoi(getenv("LOCKLESS_ERRNO"));
        return -1;
    }
    return syscall(SYS_flock, file, operation);
}
"""


@functools.cache
def _library() -> Path:
    compiler = shutil.which("cc")
    if compiler is None or not Path("/proc/self/fd").is_dir():
        pytest.skip("a disk without locks is made with a C compiler, on Linux")
    folder = Path(tempfile.mkdtemp(prefix="pointillist-lockless-"))
    (folder / "shim.c").write_text(_SHIM)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", folder / "shim.so", folder / "shim.c"], check=True)
    return folder / "shim.so"


def lockless(folder: Path, number: int) -> dict[str, str]:
    """Return an environment in which flock fails with an error number for all files below a folder."""
    where = {"LD_PRELOAD": str(_library()), "LOCKLESS_FOLDER": str(folder.resolve()), "LOCKLESS_ERRNO": str(number)}
    return {**os.environ, **where}
