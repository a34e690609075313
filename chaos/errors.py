"""What can go wrong with chaos itself or its use, by who must act. Every message names the value and what would be right."""

from __future__ import annotations


class UsageError(Exception):
    """The person who typed the command must change it (exit status 64). Not for a target that fails: that is a result."""


class UnknownTarget(UsageError):
    """Nothing that could be started is called so. Not for a target that is there and cannot be started, or is of no use."""


class MissingPart(Exception):
    """Something that the case needs is not here, such as a broker (exit status 69). Not for a wrong option."""
