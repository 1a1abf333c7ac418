"""The command line: data on stdout, messages on stderr, an exit code for every outcome, and no prompt ever."""
