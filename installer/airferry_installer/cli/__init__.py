"""The customer's command line: one file a command."""
