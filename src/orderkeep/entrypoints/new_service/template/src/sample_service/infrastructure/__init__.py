"""The adapters: they implement the ports, and do not import one another."""
