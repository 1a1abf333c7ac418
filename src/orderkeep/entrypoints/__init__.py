"""The entrypoints: HTTP, the command line and AWS Lambda. They import the composition root and no adapter."""
