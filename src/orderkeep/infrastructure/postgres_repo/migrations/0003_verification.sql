-- What verify needs to recompute an order's row from its changes; null in changes that were made before.
ALTER TABLE changes ADD COLUMN schema bigint;      -- the shape that the document was written in
ALTER TABLE changes ADD COLUMN fingerprint text;   -- of the request with the idempotency key; '' without one

-- The feed as it was at some time, to be compared with later. Rows are added, and never altered or deleted.
CREATE TABLE checkpoints (
    id      text COLLATE "C" PRIMARY KEY,  -- the time
    content text NOT NULL                  -- JSON
);
