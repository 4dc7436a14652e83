from .event_images import (
    EventBackground as EventBackground,
    EventImages as EventImages,
    has_event_images as has_event_images,
    images_of as images_of,
    publish_event_background as publish_event_background,
    write_event_background as write_event_background,
)
from .file import (
    write_background as write_background,
)
from .image_packs import (
    ImageLayout as ImageLayout,
    Pack as Pack,
)
from .preparation import (
    background_layout as background_layout,
    prepare_background as prepare_background,
)
from .reader import (
    BackgroundFile as BackgroundFile,
    images_of_range as images_of_range,
)
from .stored import (
    copied_images as copied_images,
    find_background as find_background,
    open_copied as open_copied,
)
