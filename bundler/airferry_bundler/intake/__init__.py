"""Telemetry files that come home."""
