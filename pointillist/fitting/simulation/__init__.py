"""Movies of blinking emitters with known truth."""

from __future__ import annotations

from fitting.simulation.blinking import Blinking
from fitting.simulation.movie import Scene, Simulation
from fitting.simulation.sensor import ccd, emccd, scmos
from fitting.simulation.streams import Stream, generator
from fitting.simulation.structures import Field, draw_filaments, draw_rings

__all__ = [
    "Blinking",
    "Field",
    "Scene",
    "Simulation",
    "Stream",
    "ccd",
    "draw_filaments",
    "draw_rings",
    "emccd",
    "generator",
    "scmos",
]
