"""The commands, each imported only when it is called or its help is asked for."""
