-- Orders, and all that was ever done to them. Times are microseconds since 1970-01-01T00:00:00Z (negative before).
-- JSON is kept as text, so that it can be read here: SELECT document ->> 'total' FROM orders.

CREATE TABLE orders (
    id           TEXT    NOT NULL UNIQUE,
    version      INTEGER NOT NULL,  -- counts the commits; an update names the version it was decided on
    user_id      TEXT    NOT NULL,
    status       TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    external_ref TEXT,              -- the caller's own number
    schema       INTEGER NOT NULL,  -- the document schema: identifies the fields of the document
    document     TEXT    NOT NULL,  -- JSON: the order as it is returned
    requests     TEXT    NOT NULL,  -- JSON: idempotency keys, and the version each one made
    seal         TEXT    NOT NULL   -- the hash of the order's last change
);

-- One index for each way to list, each in the order that lists have: (created_at, id), newest first.
CREATE INDEX orders_by_time ON orders (created_at, id);
CREATE INDEX orders_by_user ON orders (user_id, created_at, id);
CREATE INDEX orders_by_status ON orders (status, created_at, id);
CREATE INDEX orders_by_user_status ON orders (user_id, status, created_at, id);
CREATE INDEX orders_by_ref ON orders (external_ref, created_at, id) WHERE external_ref IS NOT NULL;
CREATE INDEX orders_by_user_ref ON orders (user_id, external_ref, created_at, id) WHERE external_ref IS NOT NULL;

-- The tags of each order, and its labels (derived values to filter by, which begin with a control character), with
-- the columns that lists are sorted by.
CREATE TABLE order_tags (
    tag        TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    order_id   TEXT    NOT NULL REFERENCES orders (id),
    user_id    TEXT    NOT NULL,
    PRIMARY KEY (tag, created_at, order_id)
) WITHOUT ROWID;

CREATE INDEX order_tags_by_user ON order_tags (user_id, tag, created_at, order_id);

-- What each commit did. Rows are added, and never altered or deleted.
CREATE TABLE changes (
    position      INTEGER PRIMARY KEY,  -- of the feed: one up with each commit of an order, without a gap
    order_id      TEXT    NOT NULL REFERENCES orders (id),
    version       INTEGER NOT NULL,
    at            INTEGER NOT NULL,
    actor         TEXT    NOT NULL,
    key           TEXT,                 -- the idempotency key's digest
    request_id    TEXT,
    events        TEXT    NOT NULL,     -- JSON
    document      TEXT    NOT NULL,     -- JSON: the resulting order
    previous_hash TEXT    NOT NULL,     -- of the order's change before; '' for its first
    hash          TEXT    NOT NULL,     -- SHA-256 of this change and previous_hash
    UNIQUE (order_id, version)
);
