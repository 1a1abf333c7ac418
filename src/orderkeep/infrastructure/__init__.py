"""The adapters: each implements a port, and none knows another."""
