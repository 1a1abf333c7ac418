"""orderkeep: the order record that a shop, a marketplace or a back office can trust."""
