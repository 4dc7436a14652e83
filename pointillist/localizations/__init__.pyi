from .rendering import (
    Canvas as Canvas,
    Image as Image,
    add_gaussians as add_gaussians,
    add_histogram as add_histogram,
)
from .table import (
    Localizations as Localizations,
    Selection as Selection,
)
