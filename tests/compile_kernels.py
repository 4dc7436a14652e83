"""``python tests/compile_kernels.py``: fill the kernel cache of all tests, which runs side by side would each fill."""

from __future__ import annotations

import os

import conftest  # noqa: F401  # which says where it is

from pipeline_worker.kernel_cache import fill_cache

fill_cache(os.environ, print)
