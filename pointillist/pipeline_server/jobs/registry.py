"""The kinds of jobs that a server can have done."""

from __future__ import annotations

from pipeline_server.backgrounds import plan_background
from pipeline_server.kinds import Kinds
from pipeline_server.localizations import plan_fit

KINDS: Kinds = {"fit": plan_fit, "background": plan_background}
"""Frames in; localizations, or the frames' background, out."""
