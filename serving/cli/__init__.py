"""The command line: one module a command. May import everything but `demo`, which it finds by name."""
