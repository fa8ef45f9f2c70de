"""The vendor's command line: one file a command."""
