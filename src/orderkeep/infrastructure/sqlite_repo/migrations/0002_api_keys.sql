-- API keys, and never a key itself: the digest is the SHA-256 of it, in hexadecimal. None is ever deleted.

CREATE TABLE api_keys (
    id           TEXT    NOT NULL UNIQUE,
    name         TEXT    NOT NULL,
    digest       TEXT    NOT NULL,
    kind         TEXT    NOT NULL,  -- staff, or customer
    user_id      TEXT,              -- the customer whose key it is
    scopes       TEXT    NOT NULL,  -- with a space between two
    created_at   INTEGER NOT NULL,
    expires_at   INTEGER,
    revoked_at   INTEGER,
    last_used_at INTEGER            -- to a few minutes
);

CREATE INDEX api_keys_by_time ON api_keys (created_at, id);
