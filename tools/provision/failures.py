"""What can go wrong while programs are provided, said for a person."""

from __future__ import annotations


class ProvisionError(Exception):
    """Something is missing or did not build; `hint` is the next step."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.hint = hint
