"""The doors: HTTP and the command line. They know the composition root, and no adapter."""
