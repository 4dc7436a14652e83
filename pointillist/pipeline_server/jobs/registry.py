"""The kinds of jobs that a server can have done."""

from __future__ import annotations

from pointillist.pipeline_server.jobs.background import plan_background
from pointillist.pipeline_server.jobs.fit import plan_fit
from pointillist.pipeline_server.jobs.kind import Kinds

KINDS: Kinds = {"fit": plan_fit, "background": plan_background}
"""Frames in; localizations, or the frames' background, out."""
