"""`make migration M="what changed"`: drafts the next migration, to be read before it is committed."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from app import migrations

if len(sys.argv) != 2 or not sys.argv[1].strip():
    sys.exit('usage: make migration M="what changed"')
with tempfile.TemporaryDirectory() as folder:
    path = migrations.draft(sys.argv[1], Path(folder))
kept = [line for line in Path(path).read_text().splitlines(keepends=True) if not line.lstrip().startswith("# ###")]
Path(path).write_text("".join(kept))
subprocess.run([sys.executable, "-m", "ruff", "format", "-q", path], check=True)  # noqa: S603
subprocess.run([sys.executable, "-m", "ruff", "check", "-q", "--fix", path], check=True)  # noqa: S603
print(path)
