from . import (
    control as control,
)
from .control import (
    PROTOCOL_VERSION as PROTOCOL_VERSION,
    UNREADABLE as UNREADABLE,
    Accepted as Accepted,
    Answer as Answer,
    FromClient as FromClient,
    FromServer as FromServer,
    FromWorker as FromWorker,
    Goodbye as Goodbye,
    Heartbeat as Heartbeat,
    JobSpec as JobSpec,
    ListJobs as ListJobs,
    ListWorkers as ListWorkers,
    Moved as Moved,
    Ping as Ping,
    ReadLog as ReadLog,
    Ref as Ref,
    Refused as Refused,
    Report as Report,
    ResumeRule as ResumeRule,
    Retry as Retry,
    Stop as Stop,
    Submit as Submit,
    ToClient as ToClient,
    ToServer as ToServer,
    Wait as Wait,
    Watch as Watch,
    WorkerDied as WorkerDied,
)
from .fields import (
    Buffer as Buffer,
    JobSettings as JobSettings,
)
from .frames import (
    BACKGROUND as BACKGROUND,
    BACKGROUND_ROWS as BACKGROUND_ROWS,
    LAYOUT as LAYOUT,
    MAX_WANTED as MAX_WANTED,
    MOVIE as MOVIE,
    Chunks as Chunks,
    FrameData as FrameData,
    FrameReply as FrameReply,
    FrameRequest as FrameRequest,
    Item as Item,
    Layout as Layout,
    LayoutReply as LayoutReply,
    Missing as Missing,
)
from .range_result import (
    RangeResult as RangeResult,
)
from .reports import (
    Health as Health,
    Jobs as Jobs,
    JobState as JobState,
    LogLines as LogLines,
    LogPosition as LogPosition,
    Pong as Pong,
    Progress as Progress,
    WorkerReport as WorkerReport,
    Workers as Workers,
)
from .wire import (
    MAX_BUFFER_BYTES as MAX_BUFFER_BYTES,
    decode_at_server as decode_at_server,
    decode_from_server as decode_from_server,
    decode_spec as decode_spec,
    encode as encode,
    encode_spec as encode_spec,
)
