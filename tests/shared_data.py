"""Where recordings lie that may not be distributed; tests that need them skip where they are absent."""

from __future__ import annotations

from pathlib import Path

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
BGT60 = SHARED_DATA / "radar" / "bgt60"
IWR6843 = SHARED_DATA / "radar" / "iwr6843"
