-- The position of each change in the feed: 1, 2, 3 and so on, in the order of (tx, place). Readers of the feed add them.
CREATE TABLE feed_positions (
    position bigint  PRIMARY KEY,
    tx       bigint  NOT NULL,  -- of the change, as place
    place    integer NOT NULL,
    UNIQUE (tx, place)
);

-- What features store beside the orders, such as cursors: JSON under a kind and an ID. Rows are replaced and deleted.
CREATE TABLE records (
    kind    text COLLATE "C" NOT NULL,
    id      text COLLATE "C" NOT NULL,
    version bigint           NOT NULL,  -- counts the writes; a write contains the version that it replaces
    content text             NOT NULL,
    PRIMARY KEY (kind, id)
);
