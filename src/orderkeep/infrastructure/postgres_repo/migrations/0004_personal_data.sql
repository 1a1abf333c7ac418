-- Personal data, beside the orders: their documents contain only the SHA-256 of salt and record. Rows are erased.

CREATE TABLE personal_data (
    order_id text COLLATE "C" PRIMARY KEY REFERENCES orders,
    salt     text NOT NULL,    -- random, in hexadecimal
    record   text NOT NULL,    -- JSON: customer and addresses
    label    text COLLATE "C"  -- of the e-mail address, in order_tags
);
