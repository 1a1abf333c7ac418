-- Orders, and all that was ever done to them.
-- Texts are compared by code point (COLLATE "C"), so that every database lists in the same order, whatever its locale.
-- JSON is kept as json, not jsonb: jsonb reorders keys, and an order is returned, and hashed, byte by byte.
-- It can be read here all the same: SELECT document ->> 'total' FROM orders.

CREATE TABLE orders (
    id           text COLLATE "C" PRIMARY KEY,
    version      integer          NOT NULL,  -- counts the commits; an update names the version it was decided on
    user_id      text COLLATE "C" NOT NULL,
    status       text COLLATE "C" NOT NULL,
    created_at   timestamptz      NOT NULL,  -- the first and last possible microsecond are -infinity, infinity
    external_ref text COLLATE "C",           -- the caller's own number
    schema       bigint           NOT NULL,  -- the document schema: identifies the fields of the document
    document     json             NOT NULL,  -- the order as it is returned
    requests     json             NOT NULL,  -- idempotency keys, and the version each one made
    seal         text             NOT NULL   -- the hash of the order's last change
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
    tag        text COLLATE "C" NOT NULL,
    created_at timestamptz      NOT NULL,
    order_id   text COLLATE "C" NOT NULL REFERENCES orders,
    user_id    text COLLATE "C" NOT NULL,
    PRIMARY KEY (tag, created_at, order_id)
);

CREATE INDEX order_tags_by_user ON order_tags (user_id, tag, created_at, order_id);

-- What each commit did. Rows are added, and never altered or deleted.
CREATE TABLE changes (
    order_id      text COLLATE "C" NOT NULL REFERENCES orders,
    version       integer          NOT NULL,
    at            timestamptz      NOT NULL,
    actor         text             NOT NULL,
    key           text,                       -- the idempotency key's digest
    request_id    text,
    events        json             NOT NULL,
    document      json             NOT NULL,  -- the resulting order
    previous_hash text             NOT NULL,  -- of the order's change before; '' for its first
    hash          text             NOT NULL,  -- SHA-256 of this change and previous_hash
    tx            bigint           NOT NULL,  -- the transaction that committed it, beginning_of_feed added
    place         integer          NOT NULL,  -- within that transaction
    PRIMARY KEY (order_id, version),
    CONSTRAINT changes_in_feed UNIQUE (tx, place)
);

-- One row. Transaction IDs restart if a dump is restored into another server; then this is raised, so that what is
-- committed from then on comes after what was restored.
CREATE TABLE feed (
    beginning_of_feed bigint NOT NULL
);

INSERT INTO feed VALUES (0);
