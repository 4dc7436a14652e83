"""A digest of everything on which compiled kernels depend."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import platform
import sys
from collections.abc import Mapping
from pathlib import Path

from pointillist.supervision.numba_options import code_options

SOURCES = ("pointillist.fitting", "pointillist.pipeline_files")
"""Packages that kernels are in."""

_PACKAGES = ("numba", "llvmlite", "numpy", "scipy")


def cache_key(environment: Mapping[str, str]) -> str:
    """Return a digest that is the same for processes that may share a cache: sources, versions, processor, options."""
    digest = hashlib.sha256()
    for name in SOURCES:
        spec = importlib.util.find_spec(name)
        package = Path(spec.origin).parent if spec and spec.origin else Path()
        for source in sorted(package.rglob("*.py")):
            # Numba finds code by the path and the time of its source. Where it finds none, each worker compiles in an
            # order of its own, and the last bits of its results may differ.
            digest.update(f"{source} {source.stat().st_mtime_ns}\n".encode())
            digest.update(source.read_bytes())
    for name in _PACKAGES:
        digest.update(f"{name} {importlib.metadata.version(name)}\n".encode())
    digest.update(f"{sys.version}\n{platform.platform()}\n{_processor()}\n{code_options(environment)}".encode())
    return digest.hexdigest()[:20]


def _processor() -> str:
    """Return the processor's name and abilities."""
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
    except OSError:
        return platform.processor()
    return "\n".join(line for line in lines if line.startswith(("model name", "flags", "Features")))
