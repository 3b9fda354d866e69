"""What must be filled in: `.form` files (form-js JSON) as fields to draw, JSON Schema, checks and messages.

Values in, values out; knows no web, no database, no clock.
"""

from __future__ import annotations

from app.forms.checking import Fault, UploadInfo, check, normal_text
from app.forms.fields import Field, pointer_of
from app.forms.form import Form
from app.forms.posting import from_html, is_edit, posted_files
from app.forms.reading import FormError, check_file, load
from app.forms.sample import sample
from app.forms.schema import published
from app.forms.showing import text
from app.forms.values import apply, at, merge, nested

__all__ = [
    "Fault",
    "Field",
    "Form",
    "FormError",
    "UploadInfo",
    "apply",
    "at",
    "check",
    "check_file",
    "from_html",
    "is_edit",
    "load",
    "merge",
    "nested",
    "normal_text",
    "pointer_of",
    "posted_files",
    "published",
    "sample",
    "text",
]
