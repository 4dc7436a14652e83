"""The kinds of jobs that a server can have done."""

from __future__ import annotations

from pipeline_server.kinds import Kinds
from pipeline_server.localizations import plan_fit

KINDS: Kinds = {"fit": plan_fit}
"""The kind ``fit``: frames in, localizations out."""
