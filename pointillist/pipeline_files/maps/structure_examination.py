"""Checks of camera maps against the fine structure of a movie: how its pixels differ from their neighbours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from pointillist.errors import SettingError
from pointillist.fitting.camera import LEAST_SLOPE, Agreement, CameraMap, MovieSample, Structure, map_structure
from pointillist.pipeline_files.maps.values import OVERRULE
from pointillist.settings import ADU2, DARK_MAP, ELECTRONS2, FLAT_FIELD, VARIANCE_MAP, Metadata, map_settings, number

MOST_SCALE = 2.5
"""Factor on a variance map from which on it is remarked, either way."""

_LEAST_SLOPE, _MOST_SLOPE = 0.75, 1.3
_LEAST_OFFSET_SPREAD_ADU, _LEAST_OFFSET_SPREAD = 1.0, 0.35
"""Spread of the offsets below which it may be the error of the map, ADU, and as a share of the read noise."""

_LEAST_LIGHT_ADU = 300.0
"""Light that hides the unknown offsets of pixels without a dark map."""

_LEAST_RESPONSE_SPREAD = 0.02
"""Spread of a flat field below which it may be the error of the map."""


Compare = Callable[[CameraMap], Structure | None]
InOtherOrientations = Callable[[str, Compare], Mapping[str, Structure | None]]


@dataclass(frozen=True, kw_only=True)
class StructureExamination:
    """Comparison of the fine structure of maps and a movie.

    Parameters
    ----------
    maps
        Maps of the movie's region by their settings, variances in e-².
    sample
        MovieSample of the movie.
    settings
        Settings from :func:`pointillist.pipeline_files.prepare`.
    is_cropped
        Whether maps are larger than the movie.
    in_other_orientations
        Function that compares a map with the movie in all orientations but that in use, by name.
    warnings
        Warnings of oddities, appended by the checks.
    proofs
        Evidence that maps belong to the movie, by their settings, added by the checks.
    """

    maps: Mapping[str, CameraMap]
    sample: MovieSample
    settings: Metadata
    is_cropped: bool
    in_other_orientations: InOtherOrientations
    warnings: list[str] = field(default_factory=list)
    proofs: dict[str, str] = field(default_factory=dict)

    @property
    def warned(self) -> str:
        """Text of all warnings so far."""
        return " ".join(self.warnings)

    def check_variance(self) -> None:
        """Check that the pixels of the movie are noisy where the variance map is."""
        e_per_adu = number(self.settings, "Camera.ElectronsPerCount")
        if (variance := self.maps.get(VARIANCE_MAP)) is None or not e_per_adu:
            return

        def compare(part: CameraMap) -> Structure | None:
            return map_structure.structure_of_variance(part / e_per_adu**2, self.sample)

        structure = compare(variance)
        if structure is None:
            return
        found, scale = structure.agreement(), 1.0
        if not found.is_clear or not _LEAST_SLOPE < found.slope < _MOST_SLOPE:
            scale = map_structure.scale_of_variance(variance / e_per_adu**2, self.sample)
            is_off = found.slope > MOST_SCALE and found.is_clear
            scale = max(scale, found.slope) if is_off else scale  # of small maps in bright light the slope alone tells
        if np.isnan(scale):
            self._seek(VARIANCE_MAP, structure, compare)
            if found.is_foreign and map_structure.is_uneven(variance):
                self._remark_foreign(VARIANCE_MAP, "noise", found)
        elif max(scale, 1 / scale) >= MOST_SCALE:
            self.warnings.append(_of_scale(scale, e_per_adu, self.settings))
        else:
            self.proofs[VARIANCE_MAP] = (
                f"the variance map and the noise of the movie are correlated (slope {found.slope:.2f})"
            )
        n_hot = map_structure.count_unknown_hot_pixels(variance / e_per_adu**2, self.sample)
        if n_hot and VARIANCE_MAP not in self.warned:
            self.warnings.append(
                f"{VARIANCE_MAP}: {n_hot} pixels of the movie are far noisier than their neighbours, but the map has "
                f"them like any others: is it a variance map, of this camera and exposure?"
            )

    def check_flat_field(self) -> None:
        """Check that pixels of the movie respond to light as the flat field says."""
        flat = self.maps.get(FLAT_FIELD)
        offset = self.maps.get(DARK_MAP, number(self.settings, "Camera.ADOffset"))
        if flat is None or offset is None or DARK_MAP in self.warned:
            return
        if DARK_MAP not in self.maps and np.median(self.sample.mean_adu) - offset < _LEAST_LIGHT_ADU:
            return

        def compare(part: CameraMap) -> Structure | None:
            return map_structure.structure_of_flat_field(part, offset, self.sample)

        structure = compare(flat)
        if structure is None:
            return
        is_uneven = map_structure.robust_sigma(structure.expected) > _LEAST_RESPONSE_SPREAD
        found = structure.agreement()
        if found.is_clear and found.slope > LEAST_SLOPE:
            self.proofs[FLAT_FIELD] = (
                f"the flat field and the pixels of the movie are correlated (slope {found.slope:.2f})"
            )
        elif (
            -1 / LEAST_SLOPE < found.slope < -LEAST_SLOPE and Agreement(slope=-found.slope, error=found.error).is_clear
        ):
            raise SettingError(
                FLAT_FIELD,
                "pixels that the map makes brighter are the brighter ones already: it is the response to light, and "
                "not the factor that equalizes it",
                f"give its reciprocal, mean / map, {OVERRULE}",
            )
        elif found.is_clear and found.is_foreign and is_uneven:
            self.warnings.append(
                f"{FLAT_FIELD}: from pixel to pixel the movie differs only {found.slope:.2g} times as much as the map: "
                f"give mean(light) / light of even light, averaged over many frames and less the dark"
            )
        elif not found.is_clear:
            self._seek(FLAT_FIELD, structure, compare)
            if found.is_foreign and is_uneven:
                self._remark_foreign(FLAT_FIELD, "response", found)

    def check_offset(self) -> None:
        """Check that offsets of the movie's pixels are those of the dark map."""
        dark, flat = self.maps.get(DARK_MAP), self.maps.get(FLAT_FIELD, 1.0)
        if dark is None:
            return

        def compare(part: CameraMap) -> Structure | None:
            return map_structure.structure_of_offset(part, flat, self.sample)

        structure = compare(dark)
        if structure is None:
            return
        found = structure.agreement()
        if found.is_clear and found.slope > LEAST_SLOPE:
            self.proofs[DARK_MAP] = (
                f"the offsets of the dark map and the pixels of the movie are correlated (slope {found.slope:.2f})"
            )
        elif not found.is_clear:
            self._seek(DARK_MAP, structure, compare)
            if found.is_foreign and self._is_uneven_offset(dark, structure):
                self._remark_foreign(DARK_MAP, "offset", found)

    def _is_uneven_offset(self, dark: CameraMap, structure: Structure) -> bool:
        """Return whether a dark map differs by more than the error of its few frames, and light by less."""
        read_noise_e = number(self.settings, "Camera.ReadNoise") or 0.0
        if (variance := self.maps.get(VARIANCE_MAP)) is not None:
            read_noise_e = float(np.sqrt(np.median(variance)))
        read_noise_adu = read_noise_e / (number(self.settings, "Camera.ElectronsPerCount") or np.nan)
        spread_adu = map_structure.robust_sigma(structure.expected)
        light_adu = float(np.median(self.sample.mean_adu - dark)) * (FLAT_FIELD not in self.maps)
        return spread_adu > max(_LEAST_OFFSET_SPREAD_ADU, _LEAST_OFFSET_SPREAD * read_noise_adu, light_adu / 30)

    def _seek(self, key: str, structure: Structure, compare: Compare) -> None:
        """Refuse a map that fits in another orientation, or shifted."""
        as_it_lies = structure.agreement()
        if Agreement(slope=abs(as_it_lies.slope), error=as_it_lies.error).is_clear:
            return
        others = self.in_other_orientations(key, compare)
        slopes = {name: other.agreement() for name, other in others.items() if other is not None}
        fitting = {name: found.slope for name, found in slopes.items() if found.is_clear and found.slope > LEAST_SLOPE}
        if fitting:
            best = min(fitting, key=lambda name: abs(np.log(fitting[name])))
            raise SettingError(
                key,
                f"the map lies otherwise than the movie: their pixels go together with a slope of "
                f"{as_it_lies.slope:.2f}, {best} of {fitting[best]:.2f}",
                f"give -s Camera.MapOrientation={best}, {OVERRULE}",
            )
        if (shift := structure.shift()) is not None:
            raise SettingError(
                key, _of_shift(shift), f"{shift_remedy(shift, self.settings, is_cropped=self.is_cropped)}, {OVERRULE}"
            )

    def _remark_foreign(self, key: str, what: str, found: Agreement) -> None:
        self.warnings.append(
            f"{key}: the {what} of the movie's pixels differs otherwise than the map says, however it is turned (slope "
            f"{found.slope:.2f} ± {found.error:.2f}, not 1): it is of another camera, exposure or region, or its "
            f"differences are the errors of few frames"
        )


def _of_scale(scale: float, e_per_adu: float, settings: Metadata) -> str:
    """Return the remark on a variance map that is a multiple of the movie's variance."""
    unit = str(settings.get("Camera.VarianceMapUnits") or ELECTRONS2)
    other, factor = (ADU2, e_per_adu**2) if unit == ELECTRONS2 else (ELECTRONS2, e_per_adu**-2)
    about = float(f"{scale:.1g}")
    remedy = f"multiply it by about {about:g}"
    if abs(np.log(factor)) > np.log(2) and abs(np.log(scale / factor)) < np.log(2):
        remedy += f", or, if it is in {other}, give -s Camera.VarianceMapUnits={other}"
    return (
        f"{VARIANCE_MAP}: from pixel to pixel the variance of the movie differs about {about:g} times as much as the "
        f"map says; {remedy}"
    )


def _of_shift(shift: tuple[int, int]) -> str:
    y, x = shift
    return f"the map is shifted: its pixel (x{x:+d}, y{y:+d}) belongs to pixel (x, y) of the movie"


def shift_remedy(shift: tuple[int, int], settings: Metadata, *, is_cropped: bool) -> str:
    """Return what to do about a map that is shifted.

    Parameters
    ----------
    shift
        Rows and columns from a pixel of the movie to its pixel in the map, px.
    settings
        Settings with the origin of the movie on the chip.
    is_cropped
        Whether the map is larger than the movie.
    """
    y, x = shift
    if not is_cropped:
        return f"use the map of this region, or shift it by {-x:+d} px along x and {-y:+d} px along y"
    left, top = (edge or 0 for edge in map_settings(settings).origin)
    return f"give -s Camera.ROIOriginX={left + x} -s Camera.ROIOriginY={top + y}"
