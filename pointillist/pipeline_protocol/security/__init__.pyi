from .keys import (
    KEY_VARIABLE as KEY_VARIABLE,
    N_KEY_BYTES as N_KEY_BYTES,
    ClusterKeys as ClusterKeys,
    KeyFile as KeyFile,
    ephemeral_keys as ephemeral_keys,
    existing_keys as existing_keys,
    is_key_shared as is_key_shared,
    parse_key as parse_key,
    user_keys as user_keys,
)
from .request_signature import (
    UserSecret as UserSecret,
)
