"""paper"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "destruction",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sop", sa.String(length=200), nullable=False),
        sa.Column("schedule", sa.String(length=200), nullable=False),
        sa.Column("reference", sa.String(length=300), nullable=False),
        sa.Column("proposed_by_id", sa.Integer(), nullable=False),
        sa.Column("proposed_for_id", sa.Integer(), nullable=True),
        sa.Column("proposed_at", sa.BigInteger(), nullable=False),
        sa.Column("decided_by_id", sa.Integer(), nullable=True),
        sa.Column("decided_for_id", sa.Integer(), nullable=True),
        sa.Column("decided_at", sa.BigInteger(), nullable=True),
        sa.Column("approved", sa.Boolean(), nullable=True),
        sa.Column("note", sa.String(length=1000), nullable=False),
        sa.Column("stopped_at", sa.BigInteger(), nullable=True),
        sa.Column("done_at", sa.BigInteger(), nullable=True),
        sa.Column("certificate", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(["decided_by_id"], ["person.id"], name=op.f("fk_destruction_decided_by_id_person")),
        sa.ForeignKeyConstraint(["decided_for_id"], ["person.id"], name=op.f("fk_destruction_decided_for_id_person")),
        sa.ForeignKeyConstraint(["proposed_by_id"], ["person.id"], name=op.f("fk_destruction_proposed_by_id_person")),
        sa.ForeignKeyConstraint(["proposed_for_id"], ["person.id"], name=op.f("fk_destruction_proposed_for_id_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_destruction")),
    )
    with op.batch_alter_table("destruction", schema=None) as batch_op:
        batch_op.create_index(
            "ix_destruction_open",
            ["id"],
            unique=False,
            postgresql_where=sa.text("done_at IS NULL"),
            sqlite_where=sa.text("done_at IS NULL"),
        )

    op.create_table(
        "hold",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("case_id", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=300), nullable=False),
        sa.Column("by_id", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("lifted_by_id", sa.Integer(), nullable=True),
        sa.Column("lifted_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["by_id"], ["person.id"], name=op.f("fk_hold_by_id_person")),
        sa.ForeignKeyConstraint(["case_id"], ["case.id"], name=op.f("fk_hold_case_id_case")),
        sa.ForeignKeyConstraint(["lifted_by_id"], ["person.id"], name=op.f("fk_hold_lifted_by_id_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hold")),
    )
    with op.batch_alter_table("hold", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_hold_case_id"), ["case_id"], unique=False)

    op.create_table(
        "outage",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=True),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.String(length=300), nullable=False),
        sa.Column("reference", sa.String(length=300), nullable=False),
        sa.Column("by_id", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("closed_by_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["by_id"], ["person.id"], name=op.f("fk_outage_by_id_person")),
        sa.ForeignKeyConstraint(["closed_by_id"], ["person.id"], name=op.f("fk_outage_closed_by_id_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outage")),
    )
    op.create_table(
        "destruction_case",
        sa.Column("destruction_id", sa.Integer(), nullable=False),
        sa.Column("case_id", sa.Integer(), nullable=False),
        sa.Column("done_at", sa.BigInteger(), nullable=True),
        sa.Column("skipped", sa.String(length=300), nullable=False),
        sa.Column("files", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["case.id"], name=op.f("fk_destruction_case_case_id_case")),
        sa.ForeignKeyConstraint(
            ["destruction_id"], ["destruction.id"], name=op.f("fk_destruction_case_destruction_id_destruction")
        ),
        sa.PrimaryKeyConstraint("destruction_id", "case_id", name=op.f("pk_destruction_case")),
    )
    with op.batch_alter_table("destruction_case", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_destruction_case_case_id"), ["case_id"], unique=False)
        batch_op.create_index(
            "ix_destruction_case_files",
            ["case_id"],
            unique=False,
            postgresql_where=sa.text("files IS NOT NULL"),
            sqlite_where=sa.text("files IS NOT NULL"),
        )

    op.create_table(
        "survey",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sop", sa.String(length=200), nullable=False),
        sa.Column("case_id", sa.Integer(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.String(length=10), nullable=False),
        sa.Column("entered_by_id", sa.Integer(), nullable=True),
        sa.Column("u1", sa.Integer(), nullable=False),
        sa.Column("u2", sa.Integer(), nullable=False),
        sa.Column("u3", sa.Integer(), nullable=False),
        sa.Column("u4", sa.Integer(), nullable=False),
        sa.Column("u5", sa.Integer(), nullable=False),
        sa.Column("u6", sa.Integer(), nullable=False),
        sa.Column("u7", sa.Integer(), nullable=False),
        sa.Column("u8", sa.Integer(), nullable=False),
        sa.Column("u9", sa.Integer(), nullable=False),
        sa.Column("remark", sa.String(length=1000), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["case.id"], name=op.f("fk_survey_case_id_case")),
        sa.ForeignKeyConstraint(["entered_by_id"], ["person.id"], name=op.f("fk_survey_entered_by_id_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_survey")),
        sa.UniqueConstraint("case_id", name=op.f("uq_survey_case_id")),
    )
    with op.batch_alter_table("survey", schema=None) as batch_op:
        batch_op.create_index("ix_survey_sop_at", ["sop", "at"], unique=False)

    op.create_table(
        "reserved",
        sa.Column("register", sa.String(length=200), nullable=False),
        sa.Column("year", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("outage_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["outage_id"], ["outage.id"], name=op.f("fk_reserved_outage_id_outage")),
        sa.ForeignKeyConstraint(
            ["register", "year", "number"],
            ["register_entry.register", "register_entry.year", "register_entry.number"],
            name=op.f("fk_reserved_register_year_number_register_entry"),
        ),
        sa.PrimaryKeyConstraint("register", "year", "number", name=op.f("pk_reserved")),
    )
    with op.batch_alter_table("reserved", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_reserved_outage_id"), ["outage_id"], unique=False)

    op.create_table(
        "void",
        sa.Column("register", sa.String(length=200), nullable=False),
        sa.Column("year", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by_id", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(length=300), nullable=False),
        sa.ForeignKeyConstraint(["by_id"], ["person.id"], name=op.f("fk_void_by_id_person")),
        sa.ForeignKeyConstraint(
            ["register", "year", "number"],
            ["register_entry.register", "register_entry.year", "register_entry.number"],
            name=op.f("fk_void_register_year_number_register_entry"),
        ),
        sa.PrimaryKeyConstraint("register", "year", "number", name=op.f("pk_void")),
    )
    op.create_index(
        "ix_event_paper",
        "event",
        ["at"],
        unique=False,
        postgresql_where=sa.text("actor_id IS NOT NULL AND at < recorded_at"),
        sqlite_where=sa.text("actor_id IS NOT NULL AND at < recorded_at"),
    )
    with op.batch_alter_table("case", schema=None) as batch_op:
        batch_op.add_column(sa.Column("destroyed_at", sa.BigInteger(), nullable=True))
        batch_op.create_index(
            "ix_case_previous_id",
            ["previous_id"],
            unique=False,
            postgresql_where=sa.text("previous_id IS NOT NULL"),
            sqlite_where=sa.text("previous_id IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_case_ended",
            ["sop", "ended_at"],
            unique=False,
            postgresql_where=sa.text("ended_at IS NOT NULL AND destroyed_at IS NULL"),
            sqlite_where=sa.text("ended_at IS NOT NULL AND destroyed_at IS NULL"),
        )

    with op.batch_alter_table("access", schema=None) as batch_op:
        batch_op.create_index(
            "ix_access_sought",
            ["at"],
            unique=False,
            postgresql_where=sa.text("what = 'cari'"),
            sqlite_where=sa.text("what = 'cari'"),
        )

    with op.batch_alter_table("document", schema=None) as batch_op:
        batch_op.add_column(sa.Column("code", sa.String(length=32), nullable=True))
        batch_op.add_column(sa.Column("number", sa.String(length=200), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("valid_from", sa.Date(), nullable=True))
        batch_op.add_column(sa.Column("valid_until", sa.Date(), nullable=True))
        batch_op.add_column(sa.Column("pdf_sha256", sa.String(length=64), nullable=True))
        batch_op.add_column(sa.Column("pdf_attempts", sa.Integer(), nullable=False, server_default="0"))
        batch_op.add_column(sa.Column("pdf_error", sa.Text(), nullable=True))
        batch_op.add_column(sa.Column("pdf_next", sa.BigInteger(), nullable=True))
        batch_op.add_column(sa.Column("signed_by", sa.String(length=300), nullable=False, server_default=""))
        batch_op.create_index(
            "ix_document_code",
            ["code"],
            unique=True,
            postgresql_where=sa.text("code IS NOT NULL"),
            sqlite_where=sa.text("code IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_document_pdf",
            ["id"],
            unique=False,
            postgresql_where=sa.text("filled_at IS NOT NULL AND pdf_sha256 IS NULL"),
            sqlite_where=sa.text("filled_at IS NOT NULL AND pdf_sha256 IS NULL"),
        )
        batch_op.create_index(
            "ix_document_until",
            ["valid_until"],
            unique=False,
            postgresql_where=sa.text("valid_until IS NOT NULL"),
            sqlite_where=sa.text("valid_until IS NOT NULL"),
        )

    # What has ended is put away thirty days later.
    op.execute('UPDATE "case" SET next_due = ended_at + 2592000000000 WHERE ended_at IS NOT NULL')


def downgrade() -> None:
    with op.batch_alter_table("document", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_document_until",
            postgresql_where=sa.text("valid_until IS NOT NULL"),
            sqlite_where=sa.text("valid_until IS NOT NULL"),
        )
        batch_op.drop_index(
            "ix_document_pdf",
            postgresql_where=sa.text("filled_at IS NOT NULL AND pdf_sha256 IS NULL"),
            sqlite_where=sa.text("filled_at IS NOT NULL AND pdf_sha256 IS NULL"),
        )
        batch_op.drop_index(
            "ix_document_code", postgresql_where=sa.text("code IS NOT NULL"), sqlite_where=sa.text("code IS NOT NULL")
        )
        batch_op.drop_column("signed_by")
        batch_op.drop_column("pdf_next")
        batch_op.drop_column("pdf_error")
        batch_op.drop_column("pdf_attempts")
        batch_op.drop_column("pdf_sha256")
        batch_op.drop_column("valid_until")
        batch_op.drop_column("valid_from")
        batch_op.drop_column("number")
        batch_op.drop_column("code")

    with op.batch_alter_table("access", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_access_sought", postgresql_where=sa.text("what = 'cari'"), sqlite_where=sa.text("what = 'cari'")
        )

    with op.batch_alter_table("case", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_case_previous_id",
            postgresql_where=sa.text("previous_id IS NOT NULL"),
            sqlite_where=sa.text("previous_id IS NOT NULL"),
        )
        batch_op.drop_index(
            "ix_case_ended",
            postgresql_where=sa.text("ended_at IS NOT NULL AND destroyed_at IS NULL"),
            sqlite_where=sa.text("ended_at IS NOT NULL AND destroyed_at IS NULL"),
        )
        batch_op.drop_column("destroyed_at")

    op.drop_index(
        "ix_event_paper",
        table_name="event",
        postgresql_where=sa.text("actor_id IS NOT NULL AND at < recorded_at"),
        sqlite_where=sa.text("actor_id IS NOT NULL AND at < recorded_at"),
    )
    op.drop_table("void")
    with op.batch_alter_table("reserved", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_reserved_outage_id"))

    op.drop_table("reserved")
    with op.batch_alter_table("survey", schema=None) as batch_op:
        batch_op.drop_index("ix_survey_sop_at")

    op.drop_table("survey")
    with op.batch_alter_table("destruction_case", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_destruction_case_files",
            postgresql_where=sa.text("files IS NOT NULL"),
            sqlite_where=sa.text("files IS NOT NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_destruction_case_case_id"))

    op.drop_table("destruction_case")
    op.drop_table("outage")
    with op.batch_alter_table("hold", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_hold_case_id"))

    op.drop_table("hold")
    with op.batch_alter_table("destruction", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_destruction_open", postgresql_where=sa.text("done_at IS NULL"), sqlite_where=sa.text("done_at IS NULL")
        )

    op.drop_table("destruction")
