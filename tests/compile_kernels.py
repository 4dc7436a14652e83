"""``python tests/compile_kernels.py``: fill the kernel cache of all tests, which runs side by side would each fill."""

from __future__ import annotations

import os

import conftest  # noqa: F401  # which says where it is

from pointillist.supervision.kernel_cache import fill_cache
from pointillist.supervision.numba_options import for_workers

fill_cache(for_workers(os.environ), print)
