"""The vendor's tower: spec, lock, release, sign, build; intake and fleet."""
