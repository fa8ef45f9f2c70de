"""Keys, roots, thresholds, signatures, sealing."""
