from .frame_server import (
    FULL_S as FULL_S,
    FrameDesk as FrameDesk,
)
