-- What features store beside the orders, such as cursors: JSON under a kind and an ID. Rows are replaced and deleted.

CREATE TABLE records (
    kind    TEXT    NOT NULL,
    id      TEXT    NOT NULL,
    version INTEGER NOT NULL,  -- counts the writes; a write contains the version that it replaces
    content TEXT    NOT NULL,
    PRIMARY KEY (kind, id)
);
