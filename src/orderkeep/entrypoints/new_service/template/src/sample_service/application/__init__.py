"""The use cases, and the ports that adapters implement. Imports the domain and the standard library only."""
