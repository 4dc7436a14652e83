"""Pure numbers: camera, background, detection, fits, precision, simulation."""
