"""What ends a check: the bundle is not what it should be, or the question can't be answered."""


class Refused(Exception):  # noqa: N818 - the name says what happened to the bundle
    """The bundle must not be used; the message says why."""


class Unanswered(Exception):  # noqa: N818 - as above
    """A file or program is missing: nothing is known."""
