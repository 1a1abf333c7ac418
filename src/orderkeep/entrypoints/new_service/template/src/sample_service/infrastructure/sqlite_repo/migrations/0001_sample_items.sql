CREATE TABLE sample_items (
    id         TEXT    PRIMARY KEY,
    version    INTEGER NOT NULL,
    status     TEXT    NOT NULL,
    created_at TEXT    NOT NULL,
    document   TEXT    NOT NULL
) STRICT;

-- One index for each list, in the order of the list.
CREATE INDEX sample_items_by_time ON sample_items (created_at, id);
CREATE INDEX sample_items_by_status ON sample_items (status, created_at, id);
