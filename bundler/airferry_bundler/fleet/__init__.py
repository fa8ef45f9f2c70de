"""The vendor's view of its customers' instances."""
