"""Checks that camera maps belong to a movie, on a few of its frames."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from pointillist.errors import SettingError
from pointillist.fitting.camera import (
    AS_IS,
    BLEMISH_VARIANCE_E2,
    ORIENTATIONS,
    CameraMap,
    find_region,
    map_checks,
)
from pointillist.pipeline_files.maps.camera_map import (
    crop_to_movie,
    load_map,
    load_whole_map,
)
from pointillist.pipeline_files.maps.movie_sample import take_sample
from pointillist.pipeline_files.maps.structure_examination import StructureExamination
from pointillist.pipeline_files.maps.values import OVERRULE, check_dark_quantity, check_quantity, check_values
from pointillist.pipeline_files.movies import Movie
from pointillist.settings import (
    ADU2,
    DARK_MAP,
    ELECTRONS2,
    FLAT_FIELD,
    MAP_SETTINGS,
    VARIANCE_MAP,
    Metadata,
    map_name,
    map_settings,
    number,
)

_FEWEST_FOREIGN_PIXELS, _FOREIGN_RATIO = 20, 5.0

MAP_NAMES = {VARIANCE_MAP: "variance map", DARK_MAP: "dark map", FLAT_FIELD: "flat field"}

Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True)
class Examination:
    """Result of the examination.

    Parameters
    ----------
    warnings
        Warnings of oddities in maps that are used nevertheless.
    proofs
        Evidence that the maps belong to the movie.
    undecided
        Remark on the maps of which the movie does not show whether they belong to it.
    """

    warnings: tuple[str, ...]
    proofs: tuple[str, ...]
    undecided: tuple[str, ...] = ()


def examine_maps(movie: Movie, settings: Metadata) -> Examination:
    """Check whether the maps in use belong to a movie.

    Parameters
    ----------
    movie
        Open movie, of which up to 96 frames and 128 MB are read.
    settings
        Settings from :func:`pointillist.pipeline_files.prepare`.

    Returns
    -------
    Examination
        Result of the examination; empty where no maps are in use, or the movie does not show it.

    Raises
    ------
    SettingError
        If a map is not of this movie's camera, region, unit or orientation; it says which would fit. With
        ``Camera.CheckMaps`` off it is a warning.
    """
    if not any(map_name(settings, key) for key in MAP_SETTINGS):
        return Examination(warnings=(), proofs=())
    examination = _MapExamination(movie, settings)
    warnings: list[str] = []
    for check in (
        examination.check_values,
        examination.check_hot_pixels,
        examination.check_offsets,
        examination.check_units,
        examination.check_quantities,
        examination.structure.check_variance,
        examination.structure.check_offset,
        examination.structure.check_flat_field,
    ):
        try:
            check()
        except SettingError as error:
            if settings.get("Camera.CheckMaps", True):
                raise
            warnings.append(str(error).removesuffix(f", {OVERRULE}"))
    return examination.result(warnings)


class _MapExamination:
    """Maps of a movie, checked against a sample of its frames."""

    def __init__(self, movie: Movie, settings: Metadata) -> None:
        self.settings = settings
        self.shape = movie.frame_shape
        self.folder: Path = movie.path.absolute().parent
        self.orientation = str(settings.get("Camera.MapOrientation") or AS_IS)
        self.on_chip = map_settings(settings)
        loaded = {key: load_map(key, self.on_chip, movie.frame_shape, self.folder) for key in MAP_SETTINGS}
        self.maps = {key: image for key, image in loaded.items() if image is not None}
        chips = {key: load_whole_map(key, self.on_chip, self.folder) for key in self.maps}
        self.chips = {key: chip for key, chip in chips.items() if chip is not None}
        self.sample = take_sample(movie, int(number(settings, "Analysis.StartAt") or 0))
        self.e_per_adu = number(settings, "Camera.ElectronsPerCount") or np.nan
        self.proofs: dict[str, str] = {}
        self.structure = StructureExamination(
            maps=self.maps,
            sample=self.sample,
            settings=settings,
            is_cropped=any(chip.shape != self.shape for chip in self.chips.values()),
            in_other_orientations=self._in_other_orientations,
        )
        self.warnings = self.structure.warnings

    def result(self, refusals: list[str]) -> Examination:
        """Return the result of the checks, with refusals that are overruled."""
        warnings = (*refusals, *self.warnings)
        proofs = {**self.structure.proofs, **self.proofs}
        named = " ".join(warnings)
        names = [
            name for key, name in MAP_NAMES.items()
            if key in self.maps and np.ptp(self.maps[key]) > 0 and key not in proofs and key not in named
        ]  # fmt: skip
        undecided = (
            f"this movie cannot tell whether the {' and the '.join(names)} belong{'s' * (len(names) == 1)} to it"
        )
        return Examination(
            warnings=warnings,
            proofs=tuple(proofs[key] for key in MAP_NAMES if key in proofs),
            undecided=(undecided,) if names else (),
        )

    def check_values(self) -> None:
        """Find maps that are constant or impossible."""
        for key, image in self.maps.items():
            self.warnings += check_values(key, image, self.chips.get(key, image), self.settings)

    def check_quantities(self) -> None:
        """Check that variances and offsets are not another quantity of the camera."""
        if (variance := self.maps.get("Camera.VarianceMapID")) is not None:
            self.warnings += check_quantity(variance, self.sample, self.settings, self.maps.get(DARK_MAP))
        if (dark := self.maps.get("Camera.DarkMapID")) is not None:
            self.warnings += check_dark_quantity(dark, self.sample, self.settings, self.maps.get(FLAT_FIELD))

    def check_hot_pixels(self) -> None:
        """Check whether the noisy pixels of the variance map are noisy in the movie."""
        key = "Camera.VarianceMapID"
        variance = self.maps.get(key)
        if variance is None:
            return

        def compare(part: CameraMap) -> map_checks.HotPixels:
            return map_checks.compare_hot_pixels(part / self.e_per_adu**2, self.sample)

        test = compare(variance)
        if test.is_mismatch:
            tests = {self.orientation: test, **self._in_other_orientations(key, compare)}
            self._misfit(key, tests)
        if test.is_hot:
            self.proofs[key] = (
                f"the {test.n_pixels} hottest pixels of the variance map have {test.ratio:.1f} times the median "
                f"variance in the movie ({test.expected_ratio:.1f} expected)"
            )

    def _misfit(self, key: str, tests: Mapping[str, map_checks.HotPixels]) -> None:
        test, better = tests[self.orientation], map_checks.better_match_by_hot_pixels(tests, self.orientation)
        if better is not None:
            raise SettingError(
                key,
                f"the map is oriented differently from the movie: its {test.n_pixels} hottest pixels have "
                f"{test.ratio:.1f} times the median variance there, but {better} {tests[better].ratio:.1f} times",
                f"give -s Camera.MapOrientation={better}, {OVERRULE}",
            )
        if test.n_pixels >= _FEWEST_FOREIGN_PIXELS and test.expected_ratio >= _FOREIGN_RATIO:
            self._foreign(key, test)

    def _foreign(self, key: str, test: map_checks.HotPixels) -> None:
        position = self._position_on_chip(key)
        self.structure.check_variance()
        remedy = "use the map of this camera, exposure and region"
        if position is not None:
            orientation, (y, x) = position
            turned = "" if orientation == self.orientation else f"-s Camera.MapOrientation={orientation} "
            remedy = f"it fits with {turned}-s Camera.ROIOriginX={x} -s Camera.ROIOriginY={y}"
        raise SettingError(
            key,
            f"the map does not belong to this movie: its {test.n_pixels} hottest pixels have {test.ratio:.1f} times "
            f"the median variance there instead of {test.expected_ratio:.1f}, in any orientation",
            f"{remedy}, {OVERRULE}",
        )

    def _position_on_chip(self, key: str) -> tuple[str, tuple[int, int]] | None:
        chip = self.chips.get(key)
        if chip is None or chip.shape == self.shape:
            return None
        chip = np.where(chip < 0.01 * BLEMISH_VARIANCE_E2, chip, 0)
        for orientation, turn in ORIENTATIONS.items():
            turned = turn(chip)
            position = find_region(turned, self.sample)
            if position is None:
                continue
            y, x = position
            part = turned[y : y + self.shape[0], x : x + self.shape[1]]
            if map_checks.compare_hot_pixels(part / self.e_per_adu**2, self.sample).is_hot:
                return orientation, position
        return None

    def check_offsets(self) -> None:
        """Check whether the offsets of the dark map are those of the movie."""
        key = "Camera.DarkMapID"
        dark = self.maps.get(key)
        if dark is None:
            return

        def compare(part: CameraMap) -> tuple[float, float]:
            return map_checks.compare_offsets(part, self.sample)

        self._check_level(key, dark)
        found = compare(dark)
        if map_checks.is_clear(found):
            self.proofs[key] = (
                f"the offsets of the dark map and the pixels of the movie are correlated ({found[0]:.2f})"
            )
            return
        tests = {self.orientation: found, **self._in_other_orientations(key, compare)}
        better = map_checks.better_match_by_offsets(tests, self.orientation)
        if better is not None:
            raise SettingError(
                key,
                f"the map is oriented differently from the movie: its offsets and the movie's pixels have a "
                f"correlation of {found[0]:.2f}, but {better} of {tests[better][0]:.2f}",
                f"give -s Camera.MapOrientation={better}, {OVERRULE}",
            )

    def _check_level(self, key: str, dark: CameraMap) -> None:
        signal = self.sample.mean_adu - dark
        noise = np.sqrt(self.sample.typical_variance_adu2) if self.sample.n_steps else np.inf
        if (level := float(np.median(signal))) < -max(noise, 1.0):
            self.warnings.append(f"{key}: the movie is {-level:.0f} ADU darker than the map: is it this camera's?")
        stated = number(self.settings, "Camera.ADOffset")
        if stated is not None and abs(difference := float(np.median(dark)) - stated) > max(20.0, 0.2 * abs(stated)):
            self.warnings.append(f"{key}: the map's median is {difference:+.0f} ADU from Camera.ADOffset={stated:g}")

    def check_units(self) -> None:
        """Check whether the variances are in the unit of the settings."""
        key = "Camera.VarianceMapID"
        variance = self.maps.get(key)
        factor = self.e_per_adu**2
        if variance is None:
            return
        unit = str(self.settings.get("Camera.VarianceMapUnits") or ELECTRONS2)
        other, factor = (ADU2, factor) if unit == ELECTRONS2 else (ELECTRONS2, 1 / factor)
        found = map_checks.unit_ratio(variance, self.sample, self.e_per_adu)
        if np.isfinite(found):
            if map_checks.is_of_other_unit(found, factor):
                raise SettingError(
                    key,
                    f"the map is in {other}, not {unit}: its hottest pixels have {found:.2g} times the variance in the "
                    f"movie that it states",
                    f"give -s Camera.VarianceMapUnits={other}, {OVERRULE}",
                )
            return
        noise = number(self.settings, "Camera.ReadNoise")
        stated = noise**2 / typical if noise and (typical := float(np.median(variance))) > 0 else np.nan
        if map_checks.is_of_other_unit(stated, factor):
            self.warnings.append(
                f"{key}: is the map in {other}? Its median is {np.median(variance):.3g}, Camera.ReadNoise squared "
                f"{stated * np.median(variance):.3g} e-²; if so, give -s Camera.VarianceMapUnits={other}"
            )

    def _in_other_orientations(self, key: str, compare: Callable[[CameraMap], Result]) -> dict[str, Result]:
        """Compare the map with the movie in all orientations but that in use, as far as it covers the movie."""
        results: dict[str, Result] = {}
        chip = self.chips.get(key)
        for name, turn in ORIENTATIONS.items():
            if chip is None or name == self.orientation:
                continue
            try:
                part = crop_to_movie(key, turn(chip), self.on_chip, self.shape)
            except SettingError:
                continue
            results[name] = compare(np.ascontiguousarray(part))
        return results
