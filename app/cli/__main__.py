"""`python -m app.cli`, where the console script is not installed."""

from __future__ import annotations

from app.cli import main

main()
