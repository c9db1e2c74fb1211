"""Files that are made as rows come, and are either finished or given up."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self


class Unfinished(ABC):
    """A context manager that closes what it writes, and abandons it after an error."""

    @abstractmethod
    def close(self) -> None:
        """Finish; may be called twice."""

    @abstractmethod
    def abandon(self) -> None:
        """Let go of it as it is, after an error."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self.abandon()
