from .blinking import (
    Blinking as Blinking,
)
from .movie import (
    Scene as Scene,
    Simulation as Simulation,
)
from .sensor import (
    ccd as ccd,
    emccd as emccd,
    scmos as scmos,
)
from .streams import (
    Stream as Stream,
    generator as generator,
)
from .structures import (
    Field as Field,
    Structure as Structure,
    draw_filaments as draw_filaments,
    draw_rings as draw_rings,
)
