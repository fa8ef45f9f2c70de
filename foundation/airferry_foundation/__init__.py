"""The ground floor: errors, documents, digests, and the only modules that touch the world."""
