r"""The grammar of a string in a document.

Python's `$` also matches before a newline at the end, which JSON Schema's does not: a name with a
newline behind it would fit `^[a-z]+$`, be equal to no other, and be refused by other readers.
"""

from __future__ import annotations

import msgspec

NO_NEWLINE = r"(?!\n)"


def whole(pattern: str, *, max_length: int | None = None) -> msgspec.Meta:
    """Meta of a string that fits `pattern` (`^…$`) from its first to its last character."""
    return msgspec.Meta(pattern=pattern + NO_NEWLINE, max_length=max_length)
