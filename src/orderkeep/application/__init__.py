"""What the service does, a use case a file, and the ports it needs from outside."""
