"""The state folder: trust state, journal, keys, stored renders."""
