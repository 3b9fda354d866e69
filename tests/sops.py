"""The SOPs that lie beside the program, whichever they are.

What holds for each of them is tested for `KEYS`; what one of them says, in a module of its own that begins with
`pytestmark = needs(its key)`. All other tests run on `LARGEST`, or draw an SOP of their own.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from app import bundles, engine, forms
from app.bundles import Bundle
from app.engine.definition import Definition

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = [ROOT / name for name in ("bpmn", "forms", "docx_templates")]
BUNDLES: dict[str, Bundle] = {bundle.name: bundle for bundle in bundles.read(FOLDERS)}
KEYS = sorted(BUNDLES)


def definition(key: str) -> Definition:
    """An SOP as it is read."""
    found = engine.read(BUNDLES[key].diagram, BUNDLES[key].called).definition
    assert found is not None, key
    return found


def first_step(read: Definition) -> str:
    """The step with which a case usually begins."""
    return engine.start(read, None, engine.facts(read, {}), datetime(2026, 11, 23, tzinfo=UTC)).opened[0].step


def _asked(key: str) -> int:
    """How much its forms ask, of SOPs for which somebody applies; others come last."""
    fields = sum(len(forms.load(form).fields) for form in BUNDLES[key].forms.values())
    return fields if definition(key).applicant_lane else -1


LARGEST = max(KEYS, key=_asked)


def needs(key: str) -> pytest.MarkDecorator:
    """The mark of a module's tests that belong to one SOP: their office runs it, and without it they are skipped."""
    if key not in BUNDLES:
        pytest.skip(f"{key} is not among the SOPs", allow_module_level=True)
    return pytest.mark.sop(key)
