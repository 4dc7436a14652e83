"""What a background file holds, in words."""

from __future__ import annotations

from pathlib import Path

from pointillist.api.results_summary import describe_failures
from pointillist.fitting.backgrounds import background_method
from pointillist.pipeline_files.backgrounds import BackgroundFile


def summarise_background(path: Path) -> dict[str, str]:
    """Return what a user wants to know first of a background file, as names and values.

    Raises
    ------
    ResultsError
        If it is no background file.
    """
    with BackgroundFile(path) as file:
        about, failures = file.about, file.failures
    height, width = about.frame_shape
    stored = f"{about.n_images} different ones" if about.is_mapped else "one for each frame"
    return {
        "background": str(path),
        "method": background_method(about.method).description,
        "movie": about.movie_path,
        "frames": f"{about.n_frames} of {width} x {height} px",
        "images": f"{stored}, {about.dtype}, {path.stat().st_size / 1e6:.1f} MB",
        **describe_failures(failures),
    }
