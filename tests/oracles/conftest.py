"""Fixtures for holding a drop-in against the tool itself, which is skipped where it is not installed."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
