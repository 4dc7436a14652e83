from .frame_server import (
    FULL_S as FULL_S,
    FrameServer as FrameServer,
)
