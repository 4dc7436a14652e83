"""``pointillist maps convert``: calibrations of other programs into PYME's maps."""

from __future__ import annotations

from pathlib import Path

import click

from pointillist.cli.console import facts, output
from pointillist.cli.error_handling import PlainErrorsCommand
from pointillist.cli.file_names import FilePath
from pointillist.cli.settings_options import settings_options


@click.command(cls=PlainErrorsCommand, interrupted="stopped")
@click.argument("calibration", type=FilePath())
@settings_options
@click.option("-o", "--output", "folder", type=FilePath(), required=True, help="Folder to write the maps to.")
@click.option("--overwrite", is_flag=True, help="Replace existing maps.")
def command(
    *, calibration: Path, overrides: tuple[str, ...], settings_file: Path | None, folder: Path, overwrite: bool
) -> None:
    """Convert a storm-analysis or Picasso calibration to maps.

    CALIBRATION holds the offset (ADU), variance (ADU²) and gain (ADU/e-) of each pixel, in a .npy file of
    storm-analysis or an .hdf5 file of Picasso. Writes PYME's dark map (ADU), variance map (e-²) and flat field (factors
    near 1), and a settings file for --settings that names them.

    \b
    Example:
        pointillist maps convert calibration.npy -s Camera.IntegrationTime=0.02 -o maps
    """  # noqa: D301  # click's marker for lines that stay
    from pointillist.pipeline_files.maps import Chip, Destination, read_calibration, to_maps
    from pointillist.settings import number, resolve

    settings = resolve({}, settings_file, overrides)
    foreign = read_calibration(calibration)
    maps, e_per_adu = to_maps(foreign, number(settings, "Camera.ElectronsPerCount"))
    shape = foreign.offset_adu.shape
    written = Destination(
        folder=folder,
        settings=settings,
        chip=Chip(shape=shape, origin=(0, 0), frame_shape=shape),
        is_row_x=False,
        is_overwriting=overwrite,
    ).write(
        maps,
        {},
        {"Camera.ElectronsPerCount": e_per_adu, "CameraMap.SourceFilename": str(calibration.absolute())},
    )
    output().print(
        facts(
            {
                "calibration": f"{calibration} of {foreign.program}, {shape[1]} x {shape[0]} px",
                "gain": f"{e_per_adu:.5g} e-/ADU",
                "maps": ", ".join(path.name for path in written[:-1]) + f" in {folder}",
                "settings": str(written[-1]),
            }
        )
    )
