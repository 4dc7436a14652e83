"""Matching of localizations to emitters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

Points = NDArray[np.void]
"""One-dimensional structured array with at least the fields ``frame``, ``x`` and ``y`` [px]."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Matches:
    """Pairs of localizations and emitters, each used at most once.

    Parameters
    ----------
    localization, truth
        Indices into the two arrays that were matched, in order of localizations.
    """

    localization: NDArray[np.intp]
    truth: NDArray[np.intp]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Pairs:
    localization: NDArray[np.intp]
    truth: NDArray[np.intp]
    distance: NDArray[np.float64]


def match(localizations: Points, truth: Points, radius_px: float) -> Matches:
    """Pair localizations with emitters of the same frame.

    Parameters
    ----------
    localizations, truth
        Points in any order; those that are not finite remain unmatched.
    radius_px
        Largest distance within a pair, px, > 0.

    Returns
    -------
    Matches
        Largest possible number of pairs, with the smallest sum of squared distances among all such pairings.
    """
    pairs = _pairs_within(localizations, truth, radius_px)
    group = _groups(pairs, len(localizations), len(truth))
    order = np.argsort(group, kind="stable")
    sizes = np.bincount(group) if len(group) else np.zeros(0, dtype=np.intp)
    ends = np.cumsum(sizes)
    is_isolated = sizes[group] == 1
    chosen = [np.flatnonzero(is_isolated)]
    for number in np.flatnonzero(sizes > 1):
        members = order[ends[number] - sizes[number] : ends[number]]
        chosen.append(members[_assign(pairs, members, radius_px)])
    kept = np.concatenate(chosen)
    kept = kept[np.argsort(pairs.localization[kept], kind="stable")]
    return Matches(localization=pairs.localization[kept], truth=pairs.truth[kept])


def neighbour_distance(points: Points, up_to_px: float) -> NDArray[np.float64]:
    """Return the distance of each point to its nearest neighbour in the same frame.

    Parameters
    ----------
    points
        Finite points in any order.
    up_to_px
        Largest distance of neighbours that are searched, px, > 0.

    Returns
    -------
    NDArray[np.float64]
        Distances, px; infinite without a neighbour within ``up_to_px``.
    """
    if not len(points):
        return np.zeros(0)
    tree = cKDTree(_with_frames_apart(points, up_to_px))
    distance, _ = tree.query(tree.data, k=2, distance_upper_bound=up_to_px)
    return np.asarray(distance, dtype=np.float64)[:, 1]


def _with_frames_apart(points: Points, radius_px: float) -> NDArray[np.float64]:
    """Return the points in space, their frames as layers too far apart to reach from one to the next."""
    return np.column_stack([points["x"], points["y"], points["frame"] * (3.0 * radius_px)]).astype(np.float64)


def _pairs_within(localizations: Points, truth: Points, radius_px: float) -> _Pairs:
    finite = np.flatnonzero(np.isfinite(localizations["x"]) & np.isfinite(localizations["y"]))
    if not len(finite) or not len(truth):
        nothing = np.zeros(0, dtype=np.intp)
        return _Pairs(localization=nothing, truth=nothing, distance=np.zeros(0))
    found = cKDTree(_with_frames_apart(localizations[finite], radius_px))
    known = cKDTree(_with_frames_apart(truth, radius_px))
    near = found.sparse_distance_matrix(known, radius_px, output_type="coo_matrix")
    return _Pairs(
        localization=finite[near.row],
        truth=near.col.astype(np.intp),
        distance=near.data.astype(np.float64),
    )


def _groups(pairs: _Pairs, n_localizations: int, n_truth: int) -> NDArray[np.intp]:
    """Return for each pair the number of the group of points that it belongs to."""
    n = n_localizations + n_truth
    links = coo_array(
        (np.ones(len(pairs.truth), dtype=np.int8), (pairs.localization, n_localizations + pairs.truth)),
        shape=(n, n),
    )
    _, label = connected_components(links, directed=False)
    return np.asarray(label[pairs.localization], dtype=np.intp)


def _assign(pairs: _Pairs, members: NDArray[np.intp], radius_px: float) -> NDArray[np.intp]:
    """Return which members of a group of pairs are kept."""
    rows, row = np.unique(pairs.localization[members], return_inverse=True)
    columns, column = np.unique(pairs.truth[members], return_inverse=True)
    # An impossible pair costs more than all possible ones together, so that no pair is lost for a smaller distance.
    impossible = radius_px**2 * (min(len(rows), len(columns)) + 1)
    cost = np.full((len(rows), len(columns)), impossible)
    cost[row, column] = pairs.distance[members] ** 2
    which = np.full(cost.shape, -1, dtype=np.intp)
    which[row, column] = np.arange(len(members))
    taken = which[linear_sum_assignment(cost)]
    return np.asarray(taken[taken >= 0])
