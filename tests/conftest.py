"""Before anything imports NumPy; and what all tests share."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

# As the nodes do: matrices this small gain nothing from more threads, which wait for each other on a busy machine.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


@pytest.fixture(scope="module", autouse=True)
def _same_keys() -> Iterator[None]:
    """Keys of templates are drawn anew each time, and how well a person is told from another depends on them: a test
    that now and then fails by its draw says nothing. `test_polyprotect` looks at the draws themselves.
    """
    from faceedge.perception.templates import polyprotect

    generator = random.Random(60)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(polyprotect, "secrets", SimpleNamespace(SystemRandom=lambda: generator))
        yield
