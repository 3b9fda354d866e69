"""What the signatures of a PDF say: run as a program of its own, since the PDF is a stranger's.

Standard input: a JSON list of certificates that are trusted (PEM), a line feed, the PDF. Standard output: a JSON list
of signatures, or `null` where the file cannot be read.
"""

from __future__ import annotations

import io
import json
import os
import resource
import sys
from typing import Any

MEMORY, CPU_SECONDS = 1024 * 1024 * 1024, 15


def read(content: bytes, trusted: list[str]) -> list[dict[str, Any]]:
    """Every signature of a PDF, oldest first; raises whatever a broken file does to its reader."""
    from asn1crypto import pem, x509
    from cryptography.x509 import load_der_x509_certificate
    from pyhanko.pdf_utils.reader import PdfFileReader
    from pyhanko.sign.validation import validate_pdf_signature
    from pyhanko.sign.validation.settings import KeyUsageConstraints
    from pyhanko.sign.validation.status import SignatureCoverageLevel
    from pyhanko_certvalidator import ValidationContext

    roots = [x509.Certificate.load(pem.unarmor(one.encode())[2]) for one in trusted]
    found = []
    for one in PdfFileReader(io.BytesIO(content), strict=False).embedded_regular_signatures:
        status = validate_pdf_signature(
            one,
            ValidationContext(trust_roots=roots, allow_fetching=False, revocation_mode="soft-fail"),
            key_usage_settings=KeyUsageConstraints(key_usage=set()),
        )
        at = status.signer_reported_dt
        found.append(
            {
                "subject": load_der_x509_certificate(one.signer_cert.dump()).subject.rfc4514_string(),
                "at": at.isoformat() if at else None,
                "intact": bool(status.intact and status.valid),
                "whole": status.coverage == SignatureCoverageLevel.ENTIRE_FILE,
                "trusted": bool(status.trusted),
            }
        )
    return found


def main() -> None:
    """Answers once."""
    head, _, content = sys.stdin.buffer.read().partition(b"\n")
    out, sys.stdout = sys.stdout, sys.stderr
    os.nice(10)  # after everybody else
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    try:
        told: Any = read(content, json.loads(head))
    except Exception:
        told = None
    json.dump(told, out)


if __name__ == "__main__":
    main()
