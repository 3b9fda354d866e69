"""Scripts and styles sent small. Pages are not: a compressed page can be made to tell its own secrets."""

from __future__ import annotations

import gzip

from flask import Flask, Response, request

STATIC = frozenset({"static", "bootstrap.static"})
KINDS = frozenset({"text/css", "text/javascript", "application/javascript", "image/svg+xml", "application/json"})
_kept: dict[tuple[str, str], bytes] = {}


def _squeeze(answer: Response) -> Response:
    if request.endpoint not in STATIC or answer.mimetype not in KINDS or answer.status_code != 200:
        return answer
    answer.vary.add("Accept-Encoding")
    etag = answer.get_etag()[0]
    if etag is None or not request.accept_encodings["gzip"]:
        return answer
    key = (request.path, etag)
    if key not in _kept:
        if len(_kept) > 100:
            _kept.clear()
        answer.direct_passthrough = False
        _kept[key] = gzip.compress(answer.get_data(), 6, mtime=0)
    answer.close()
    answer.direct_passthrough = False
    answer.set_data(_kept[key])
    answer.headers["Content-Encoding"] = "gzip"
    answer.set_etag(etag, weak=True)
    return answer


def install(app: Flask) -> None:
    """Have `app` send its static files compressed to whoever takes that."""
    app.after_request(_squeeze)
