"""The command line: one verb per module, no logic of its own."""
