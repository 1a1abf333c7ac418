-- Personal data, beside the orders: their documents contain only the SHA-256 of salt and record. Rows are erased.

CREATE TABLE personal_data (
    order_id TEXT NOT NULL UNIQUE REFERENCES orders (id),
    salt     TEXT NOT NULL,  -- random, in hexadecimal
    record   TEXT NOT NULL,  -- JSON: customer and addresses
    label    TEXT            -- of the e-mail address, in order_tags
);
