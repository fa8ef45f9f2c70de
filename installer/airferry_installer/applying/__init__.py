"""From an approved plan to a running release."""
