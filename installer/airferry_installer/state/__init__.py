"""What a site remembers between two sticks: trust, journal, keys, kept files."""

from airferry_installer.state.folder import StateFolder

__all__ = ["StateFolder"]
