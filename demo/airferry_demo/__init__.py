"""The walk-through: a vendor, a stick, a customer without a network, and the way home."""
