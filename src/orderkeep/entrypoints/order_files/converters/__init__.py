"""The built-in converters: a module for each shop, with `convert`, and `LAYOUT`, by whose columns it is recognized."""

NAMES = {
    "amazon": "an Amazon order report",
    "ebay": "an eBay order report",
    "etsy": "an Etsy order export",
    "magento": "a Magento order export",
    "northwind": "orders of the Northwind sample database",
    "shopify": "a Shopify order export",
    "woocommerce": "a WooCommerce order export",
}
"""The names of the modules, and what they convert."""
