-- API keys, and never a key itself: the digest is the SHA-256 of it, in hexadecimal. None is ever deleted.

CREATE TABLE api_keys (
    id           text COLLATE "C" PRIMARY KEY,
    name         text             NOT NULL,
    digest       text             NOT NULL,
    kind         text             NOT NULL,  -- staff, or customer
    user_id      text COLLATE "C",           -- the customer whose key it is
    scopes       text             NOT NULL,  -- with a space between two
    created_at   timestamptz      NOT NULL,
    expires_at   timestamptz,
    revoked_at   timestamptz,
    last_used_at timestamptz                 -- to a few minutes
);

CREATE INDEX api_keys_by_time ON api_keys (created_at, id);
