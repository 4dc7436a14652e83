"""Structures of emitters: uniform, along filaments, or on rings such as nuclear pores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Positions = NDArray[np.float64]
"""``(n, 2)``: x and y in px, the centre of pixel 0 is 0."""

FILAMENT_STEP_PX = 0.5
FILAMENT_TURN_PER_STEP = 0.03  # rad; bends over some 60 um at 100 nm px, as microtubules in cells do
FILAMENT_RADIUS_NM = 20.0  # a microtubule with its antibodies
RING_RADIUS_NM = 53.5  # Nup96 in the nuclear pore, seen from above
RING_CORNERS = 8
LABEL_SPREAD_NM = 4.0


class Structure(Protocol):
    """A structure on which emitters lie."""

    def draw(self, n: int, rng: np.random.Generator) -> Positions:
        """Return the positions of ``n`` emitters, in px."""
        ...


@dataclass(frozen=True, kw_only=True)
class Field:
    """The part of the image that structures may occupy.

    Parameters
    ----------
    frame_shape
        Height and width of a frame, px.
    margin_px
        Least distance from the edges, px, >= 0 and less than half of the frame.
    pixel_size_nm
        Size of a pixel, nm, > 0.
    """

    frame_shape: tuple[int, int]
    margin_px: float
    pixel_size_nm: float

    @property
    def low(self) -> Positions:
        """Lowest x and y, px."""
        return np.full(2, self.margin_px - 0.5)

    @property
    def high(self) -> Positions:
        """Highest x and y, px."""
        return np.array(self.frame_shape[::-1], dtype=np.float64) - 0.5 - self.margin_px

    def draw(self, n: int, rng: np.random.Generator) -> Positions:
        """Return ``n`` positions, distributed uniformly over the field."""
        return rng.uniform(self.low, self.high, size=(n, 2))

    def is_inside(self, positions: Positions) -> NDArray[np.bool_]:
        """Return whether each position lies within the field."""
        return np.asarray(np.all((positions >= self.low) & (positions <= self.high), axis=1))


@dataclass(frozen=True, kw_only=True, eq=False)
class Filaments:
    """Curved fibres that cross the field.

    Parameters
    ----------
    points
        Points along the axes of all fibres, :data:`FILAMENT_STEP_PX` apart, ``(n, 2)``, px.
    directions
        Unit vector along the fibre at each point, ``(n, 2)``.
    radius_px
        Distance of the labels from the axis, px; their projection fills the width unevenly.
    """

    points: Positions
    directions: Positions
    radius_px: float

    def draw(self, n: int, rng: np.random.Generator) -> Positions:
        """Return the positions of ``n`` emitters on the surface of the fibres, in px."""
        chosen = rng.integers(len(self.points), size=n)
        along = rng.uniform(-0.5, 0.5, size=n) * FILAMENT_STEP_PX
        across = self.radius_px * np.cos(rng.uniform(0, 2 * np.pi, size=n))
        tangent = self.directions[chosen]
        normal = np.column_stack([-tangent[:, 1], tangent[:, 0]])
        return np.asarray(self.points[chosen] + along[:, None] * tangent + across[:, None] * normal)


@dataclass(frozen=True, kw_only=True, eq=False)
class Rings:
    """Rings with eight corners: nuclear pores seen from above.

    Parameters
    ----------
    corners
        Positions of all corners of all rings, ``(n, 2)``, px.
    spread_px
        Standard deviation of a label about its corner, px.
    """

    corners: Positions
    spread_px: float

    def draw(self, n: int, rng: np.random.Generator) -> Positions:
        """Return the positions of ``n`` emitters about the corners, in px."""
        chosen = self.corners[rng.integers(len(self.corners), size=n)]
        return np.asarray(chosen + rng.normal(0, self.spread_px, size=(n, 2)))


def draw_filaments(field: Field, n: int, rng: np.random.Generator) -> Filaments:
    """Return ``n`` fibres that start anywhere in the field and run to its edges.

    Raises
    ------
    ValueError
        If ``n`` is not positive.
    """
    if n < 1:
        raise ValueError("the number of filaments must be positive")
    points, directions = [], []
    for start in field.draw(n, rng):
        heading = rng.uniform(0, 2 * np.pi)
        for angle in (heading, heading + np.pi):
            path, tangents = _half_filament(field, start, angle, rng)
            points.append(path)
            directions.append(tangents)
    return Filaments(
        points=np.concatenate(points),
        directions=np.concatenate(directions),
        radius_px=FILAMENT_RADIUS_NM / field.pixel_size_nm,
    )


def _half_filament(
    field: Field, start: Positions, heading: float, rng: np.random.Generator
) -> tuple[Positions, Positions]:
    n_steps = int(2 * sum(field.frame_shape) / FILAMENT_STEP_PX)
    angles = heading + np.cumsum(rng.normal(0, FILAMENT_TURN_PER_STEP, size=n_steps))
    tangents = np.column_stack([np.cos(angles), np.sin(angles)])
    path = start + FILAMENT_STEP_PX * np.cumsum(tangents, axis=0)
    is_inside = field.is_inside(path)
    end = n_steps if is_inside.all() else max(1, int(np.argmin(is_inside)))
    return path[:end], tangents[:end]


def draw_rings(field: Field, n: int, rng: np.random.Generator) -> Rings:
    """Return at most ``n`` rings that do not overlap; fewer if the field is too small for so many.

    Raises
    ------
    ValueError
        If ``n`` is not positive.
    """
    if n < 1:
        raise ValueError("the number of rings must be positive")
    radius = RING_RADIUS_NM / field.pixel_size_nm
    centres = np.empty((0, 2))
    for candidate in field.draw(10 * n, rng):
        if len(centres) == n:
            break
        if np.all(np.hypot(*(centres - candidate).T) > 3 * radius):
            centres = np.vstack([centres, candidate])
    turn = rng.uniform(0, 2 * np.pi, size=len(centres))
    angles = turn[:, None] + 2 * np.pi * np.arange(RING_CORNERS) / RING_CORNERS
    circle = radius * np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    corners = centres[:, None, :] + circle
    return Rings(corners=corners.reshape(-1, 2), spread_px=LABEL_SPREAD_NM / field.pixel_size_nm)
