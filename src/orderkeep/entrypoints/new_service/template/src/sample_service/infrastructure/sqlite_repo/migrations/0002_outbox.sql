-- Each saved version, until it is delivered to the receiver of webhooks.
CREATE TABLE outbox (
    id       TEXT    NOT NULL,
    version  INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    due_at   TEXT    NOT NULL,
    document TEXT    NOT NULL,
    PRIMARY KEY (id, version)
) STRICT;

CREATE INDEX outbox_by_time ON outbox (due_at, id);
