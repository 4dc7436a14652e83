from ._chunk_kernels import (
    run_kernels as run_kernels,
)
from .array_movie import (
    ArrayMovie as ArrayMovie,
)
from .chunks import (
    CannotDecodeError as CannotDecodeError,
    ChunkReader as ChunkReader,
)
from .growth import (
    STILL_WRITTEN as STILL_WRITTEN,
    is_growing as is_growing,
)
from .identity import (
    data_file_id as data_file_id,
    identify as identify,
)
from .lost_frames import (
    first_available as first_available,
    gap_reader as gap_reader,
    read_available as read_available,
    read_with_gaps as read_with_gaps,
)
from .movie import (
    Movie as Movie,
    MovieFile as MovieFile,
    open_movie as open_movie,
)
from .npy import (
    read_npy_header as read_npy_header,
)
from .pyme_h5 import (
    ArrayFrames as ArrayFrames,
)
from .source import (
    EVENT_DTYPE as EVENT_DTYPE,
    NO_EVENTS as NO_EVENTS,
    Events as Events,
    Frames as Frames,
)
from .stored_chunks import (
    DEFLATE as DEFLATE,
    Offset as Offset,
    Stored as Stored,
    can_decode as can_decode,
    offsets as offsets,
)
from .transfer import (
    ArrayInMemory as ArrayInMemory,
    Sendable as Sendable,
    bounds as bounds,
    is_whole as is_whole,
    layout_of as layout_of,
    piece_bytes as piece_bytes,
    read_piece as read_piece,
)
from .truth import (
    Conditions as Conditions,
    TruthWriter as TruthWriter,
    create_truth as create_truth,
    read_truth as read_truth,
    truth_path as truth_path,
)
from .verified_movie import (
    LostMovieError as LostMovieError,
    VerifiedMovie as VerifiedMovie,
)
from .write_movie import (
    write_pyme_h5 as write_pyme_h5,
)
from .write_stack import (
    write_map as write_map,
    write_npy as write_npy,
    write_tiff as write_tiff,
)
