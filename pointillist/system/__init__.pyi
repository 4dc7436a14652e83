from .file_locks import (
    BUSY as BUSY,
    FileLock as FileLock,
    is_locked as is_locked,
    without_locks as without_locks,
)
from .folders import (
    CACHE as CACHE,
    CONFIG as CONFIG,
    DATA as DATA,
    LOGS as LOGS,
    STATE as STATE,
    cache_folder as cache_folder,
    chosen as chosen,
    config_folder as config_folder,
    expand as expand,
    home as home,
    is_utf8 as is_utf8,
    state_folder as state_folder,
    temporary_folder as temporary_folder,
    trouble_of as trouble_of,
    user_name as user_name,
)
from .import_path import (
    search_standard_library_first as search_standard_library_first,
    with_import_path as with_import_path,
)
from .notes import (
    note as note,
)
from .plain_files import (
    irregular as irregular,
    obstacle as obstacle,
)
from .text import (
    printable as printable,
)
