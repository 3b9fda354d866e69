"""What must be filled in: `.form` files (form-js JSON) as fields to draw, JSON Schema, checks and messages.

Values in, values out; knows no web, no database, no clock.
"""

from __future__ import annotations

from app.forms.checking import Fault, UploadInfo, apply, at, check, merge, normal_text, without
from app.forms.posting import from_html, is_edit, marked, posted_files
from app.forms.reading import Field, Form, FormError, check_file, load, pointer_of
from app.forms.sample import sample
from app.forms.schema import published

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
    "marked",
    "merge",
    "normal_text",
    "pointer_of",
    "posted_files",
    "published",
    "sample",
    "without",
]
