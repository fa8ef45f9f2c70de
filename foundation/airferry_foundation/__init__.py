"""The ground floor: errors, documents, digests, and the only modules that touch the world."""

VERSION = "0.1.0"
"""Of both programs and all rooms."""
