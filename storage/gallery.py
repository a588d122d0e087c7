"""Scenes across all jobs, for whoever shows clips without their films."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, and_, func
from sqlmodel import Session, col, select

from models.jobs import Job, Scene, SceneStatus


def list_scenes(
    session: Session, workflows: Sequence[str], status: SceneStatus | None, limit: int, offset: int
) -> tuple[Sequence[Scene], int]:
    """Return a page of the workflows' scenes, newest first, and how many there are; None = of any status.

    Jobs that belong to another job are left out.
    """
    conditions: list[ColumnElement[bool]] = [col(Job.workflow).in_(workflows), col(Job.parent_id).is_(None)]
    if status is not None:
        conditions.append(col(Scene.status) == status)
    query = select(Scene).join(Job).where(and_(*conditions))
    newest_first = query.order_by(col(Scene.inserted_at).desc(), col(Scene.id).desc())
    total = session.exec(select(func.count()).select_from(query.subquery())).one()
    return session.exec(newest_first.limit(limit).offset(offset)).all(), total
