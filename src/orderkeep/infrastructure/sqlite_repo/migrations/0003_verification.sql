-- What verify needs to recompute an order's row from its changes; NULL in changes that were made before.
ALTER TABLE changes ADD COLUMN schema INTEGER;      -- the shape that the document was written in
ALTER TABLE changes ADD COLUMN fingerprint TEXT;    -- of the request with the idempotency key; '' without one

-- The feed as it was at some time, to be compared with later. Rows are added, and never altered or deleted.
CREATE TABLE checkpoints (
    id      TEXT NOT NULL UNIQUE,  -- the time
    content TEXT NOT NULL          -- JSON
);
