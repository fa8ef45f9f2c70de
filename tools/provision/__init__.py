"""Finds, builds and caches the pinned programs. Standard library only: it runs before `.venv`."""
