"""initial"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "closed_day",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("closed", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.String(length=300), nullable=False),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_closed_day")),
    )
    op.create_table(
        "lane",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sop", sa.String(length=200), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("applicant", sa.Boolean(), nullable=False),
        sa.Column("counter", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lane")),
        sa.UniqueConstraint("sop", "name", name=op.f("uq_lane_sop_name")),
    )
    op.create_table(
        "person",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("full_name", sa.String(length=200), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=True),
        sa.Column("nip", sa.String(length=40), nullable=True),
        sa.Column("title", sa.String(length=200), nullable=True),
        sa.Column("password", sa.String(length=200), nullable=False),
        sa.Column("must_change", sa.Boolean(), nullable=False),
        sa.Column("owner", sa.Boolean(), nullable=False),
        sa.Column("auditor", sa.Boolean(), nullable=False),
        sa.Column("admin", sa.Boolean(), nullable=False),
        sa.Column("applicant", sa.Boolean(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("locked_until", sa.BigInteger(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person")),
        sa.UniqueConstraint("email", name=op.f("uq_person_email")),
        sa.UniqueConstraint("name", name=op.f("uq_person_name")),
    )
    op.create_table(
        "register",
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("year", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", "year", name=op.f("pk_register")),
    )
    op.create_table(
        "revision",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("sop", sa.String(length=200), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("title", sa.String(length=400), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.Column("findings", sa.Text(), nullable=False),
        sa.Column("installed_at", sa.BigInteger(), nullable=False),
        sa.Column("installed_by", sa.String(length=200), nullable=False),
        sa.Column("authority", sa.String(length=200), nullable=False),
        sa.Column("in_force_from", sa.BigInteger(), nullable=False),
        sa.Column("in_force_until", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_revision")),
        sa.UniqueConstraint("sop", "number", name=op.f("uq_revision_sop_number")),
    )
    op.create_table(
        "case",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("number", sa.String(length=80), nullable=False),
        sa.Column("code", sa.String(length=16), nullable=False),
        sa.Column("sop", sa.String(length=200), nullable=False),
        sa.Column("revision_id", sa.Integer(), nullable=False),
        sa.Column("applicant_id", sa.Integer(), nullable=True),
        sa.Column("applicant_name", sa.String(length=200), nullable=False),
        sa.Column("filed_by_id", sa.Integer(), nullable=False),
        sa.Column("previous_id", sa.Integer(), nullable=True),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("clock_at", sa.BigInteger(), nullable=True),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("next_due", sa.BigInteger(), nullable=True),
        sa.Column("subject", sa.String(length=400), nullable=False),
        sa.Column("search", sa.Text(), nullable=False),
        sa.Column("unique_key", sa.String(length=200), nullable=True),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("head", sa.LargeBinary(), nullable=False),
        sa.Column("state_digest", sa.String(length=64), nullable=False),
        sa.Column("data", sa.Text(), nullable=True),
        sa.Column("state", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["applicant_id"], ["person.id"], name=op.f("fk_case_applicant_id_person")),
        sa.ForeignKeyConstraint(["filed_by_id"], ["person.id"], name=op.f("fk_case_filed_by_id_person")),
        sa.ForeignKeyConstraint(["previous_id"], ["case.id"], name=op.f("fk_case_previous_id_case")),
        sa.ForeignKeyConstraint(["revision_id"], ["revision.id"], name=op.f("fk_case_revision_id_revision")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case")),
        sa.UniqueConstraint("number", name=op.f("uq_case_number")),
    )
    with op.batch_alter_table("case", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_case_applicant_id"), ["applicant_id"], unique=False)
        batch_op.create_index(
            "ix_case_next_due",
            ["next_due"],
            unique=False,
            postgresql_where=sa.text("next_due IS NOT NULL"),
            sqlite_where=sa.text("next_due IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_case_unique_key",
            ["sop", "unique_key"],
            unique=False,
            postgresql_where=sa.text("unique_key IS NOT NULL"),
            sqlite_where=sa.text("unique_key IS NOT NULL"),
        )

    op.create_table(
        "membership",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("lane", sa.String(length=200), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_membership_person_id_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_membership")),
    )
    with op.batch_alter_table("membership", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_membership_person_id"), ["person_id"], unique=False)

    op.create_table(
        "retry",
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("request", sa.String(length=64), nullable=False),
        sa.Column("response", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_retry_person_id_person")),
        sa.PrimaryKeyConstraint("person_id", "key", name=op.f("pk_retry")),
    )
    op.create_table(
        "revision_file",
        sa.Column("revision_id", sa.Integer(), nullable=False),
        sa.Column("path", sa.String(length=300), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["revision_id"], ["revision.id"], name=op.f("fk_revision_file_revision_id_revision")),
        sa.PrimaryKeyConstraint("revision_id", "path", name=op.f("pk_revision_file")),
    )
    op.create_table(
        "token",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_token_person_id_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_token")),
        sa.UniqueConstraint("sha256", name=op.f("uq_token_sha256")),
    )
    with op.batch_alter_table("token", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_token_person_id"), ["person_id"], unique=False)

    op.create_table(
        "document",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("case_id", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("template", sa.String(length=300), nullable=False),
        sa.Column("name", sa.String(length=300), nullable=False),
        sa.Column("kind", sa.String(length=100), nullable=False),
        sa.Column("copies", sa.Integer(), nullable=False),
        sa.Column("internal", sa.Boolean(), nullable=False),
        sa.Column("inputs", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("filled_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["case.id"], name=op.f("fk_document_case_id_case")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_document")),
    )
    with op.batch_alter_table("document", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_document_case_id"), ["case_id"], unique=False)
        batch_op.create_index(
            "ix_document_due",
            ["id"],
            unique=False,
            postgresql_where=sa.text("filled_at IS NULL"),
            sqlite_where=sa.text("filled_at IS NULL"),
        )

    op.create_table(
        "event",
        sa.Column("case_id", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("actor_id", sa.Integer(), nullable=True),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("lane", sa.String(length=200), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("step", sa.String(length=200), nullable=False),
        sa.Column("choice", sa.String(length=200), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("answers_digest", sa.LargeBinary(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["actor_id"], ["person.id"], name=op.f("fk_event_actor_id_person")),
        sa.ForeignKeyConstraint(["case_id"], ["case.id"], name=op.f("fk_event_case_id_case")),
        sa.PrimaryKeyConstraint("case_id", "seq", name=op.f("pk_event")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "register_entry",
        sa.Column("register", sa.String(length=200), nullable=False),
        sa.Column("year", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("text", sa.String(length=200), nullable=False),
        sa.Column("case_id", sa.Integer(), nullable=True),
        sa.Column("given_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["case.id"], name=op.f("fk_register_entry_case_id_case")),
        sa.PrimaryKeyConstraint("register", "year", "number", name=op.f("pk_register_entry")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "task",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("case_id", sa.Integer(), nullable=False),
        sa.Column("token", sa.String(length=40), nullable=False),
        sa.Column("step", sa.String(length=200), nullable=False),
        sa.Column("name", sa.String(length=400), nullable=False),
        sa.Column("lane_id", sa.Integer(), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("applicant_id", sa.Integer(), nullable=True),
        sa.Column("assignee_id", sa.Integer(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("rank", sa.BigInteger(), nullable=False),
        sa.Column("closed_at", sa.BigInteger(), nullable=True),
        sa.Column("closed_by_id", sa.Integer(), nullable=True),
        sa.Column("returned_seq", sa.Integer(), nullable=True),
        sa.Column("draft", sa.Text(), nullable=True),
        sa.Column("draft_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["applicant_id"], ["person.id"], name=op.f("fk_task_applicant_id_person")),
        sa.ForeignKeyConstraint(["assignee_id"], ["person.id"], name=op.f("fk_task_assignee_id_person")),
        sa.ForeignKeyConstraint(["case_id"], ["case.id"], name=op.f("fk_task_case_id_case")),
        sa.ForeignKeyConstraint(["closed_by_id"], ["person.id"], name=op.f("fk_task_closed_by_id_person")),
        sa.ForeignKeyConstraint(["lane_id"], ["lane.id"], name=op.f("fk_task_lane_id_lane")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_task")),
    )
    with op.batch_alter_table("task", schema=None) as batch_op:
        batch_op.create_index(
            "ix_task_applicant",
            ["applicant_id", "rank"],
            unique=False,
            postgresql_where=sa.text("closed_at IS NULL AND applicant_id IS NOT NULL"),
            sqlite_where=sa.text("closed_at IS NULL AND applicant_id IS NOT NULL"),
        )
        batch_op.create_index(batch_op.f("ix_task_case_id"), ["case_id"], unique=False)
        batch_op.create_index(
            "ix_task_mine",
            ["assignee_id", "rank"],
            unique=False,
            postgresql_where=sa.text("closed_at IS NULL AND assignee_id IS NOT NULL"),
            sqlite_where=sa.text("closed_at IS NULL AND assignee_id IS NOT NULL"),
        )
        batch_op.create_index(
            "ix_task_open",
            ["lane_id", "rank", "id"],
            unique=False,
            postgresql_where=sa.text("closed_at IS NULL AND applicant_id IS NULL"),
            sqlite_where=sa.text("closed_at IS NULL AND applicant_id IS NULL"),
        )
        batch_op.create_index(
            "ix_task_step",
            ["lane_id", "step", "rank", "id"],
            unique=False,
            postgresql_where=sa.text("closed_at IS NULL AND applicant_id IS NULL"),
            sqlite_where=sa.text("closed_at IS NULL AND applicant_id IS NULL"),
        )

    op.create_table(
        "upload",
        sa.Column("id", sa.String(length=22), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("media_type", sa.String(length=100), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("case_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["case.id"], name=op.f("fk_upload_case_id_case")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_upload_person_id_person")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_upload")),
    )
    with op.batch_alter_table("upload", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_upload_case_id"), ["case_id"], unique=False)

    op.create_table(
        "event_values",
        sa.Column("case_id", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("typed", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["case_id", "seq"], ["event.case_id", "event.seq"], name=op.f("fk_event_values_case_id_seq_event")
        ),
        sa.PrimaryKeyConstraint("case_id", "seq", name=op.f("pk_event_values")),
    )


def downgrade() -> None:
    op.drop_table("event_values")
    with op.batch_alter_table("upload", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_upload_case_id"))

    op.drop_table("upload")
    with op.batch_alter_table("task", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_task_step",
            postgresql_where=sa.text("closed_at IS NULL AND applicant_id IS NULL"),
            sqlite_where=sa.text("closed_at IS NULL AND applicant_id IS NULL"),
        )
        batch_op.drop_index(
            "ix_task_open",
            postgresql_where=sa.text("closed_at IS NULL AND applicant_id IS NULL"),
            sqlite_where=sa.text("closed_at IS NULL AND applicant_id IS NULL"),
        )
        batch_op.drop_index(
            "ix_task_mine",
            postgresql_where=sa.text("closed_at IS NULL AND assignee_id IS NOT NULL"),
            sqlite_where=sa.text("closed_at IS NULL AND assignee_id IS NOT NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_task_case_id"))
        batch_op.drop_index(
            "ix_task_applicant",
            postgresql_where=sa.text("closed_at IS NULL AND applicant_id IS NOT NULL"),
            sqlite_where=sa.text("closed_at IS NULL AND applicant_id IS NOT NULL"),
        )

    op.drop_table("task")
    op.drop_table("register_entry")
    op.drop_table("event")
    with op.batch_alter_table("document", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_document_due", postgresql_where=sa.text("filled_at IS NULL"), sqlite_where=sa.text("filled_at IS NULL")
        )
        batch_op.drop_index(batch_op.f("ix_document_case_id"))

    op.drop_table("document")
    with op.batch_alter_table("token", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_token_person_id"))

    op.drop_table("token")
    op.drop_table("revision_file")
    op.drop_table("retry")
    with op.batch_alter_table("membership", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_membership_person_id"))

    op.drop_table("membership")
    with op.batch_alter_table("case", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_case_unique_key",
            postgresql_where=sa.text("unique_key IS NOT NULL"),
            sqlite_where=sa.text("unique_key IS NOT NULL"),
        )
        batch_op.drop_index(
            "ix_case_next_due",
            postgresql_where=sa.text("next_due IS NOT NULL"),
            sqlite_where=sa.text("next_due IS NOT NULL"),
        )
        batch_op.drop_index(batch_op.f("ix_case_applicant_id"))

    op.drop_table("case")
    op.drop_table("revision")
    op.drop_table("register")
    op.drop_table("person")
    op.drop_table("lane")
    op.drop_table("closed_day")
