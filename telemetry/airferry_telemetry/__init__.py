"""Catalogue, samples, thresholds, the sealed envelope."""
