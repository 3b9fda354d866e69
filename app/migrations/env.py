"""What Alembic runs: our connection, our models, and types by what the database sees of them."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from sqlalchemy.types import TypeDecorator

from app.models import Base


def plain(kind: str, value: Any, _autogen: Any) -> str | Literal[False]:
    """A type of ours is written down as the type below it: a migration must not change when the models do."""
    return f"sa.{value.impl_instance!r}" if kind == "type" and isinstance(value, TypeDecorator) else False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    render_item=plain,
)
with context.begin_transaction():
    context.run_migrations()
