"""The ledger of provider calls: written before a call, settled after it, and looked at before the next."""

from typing import Any

from sqlmodel import Session, col, select

from models.columns import utc_now
from models.jobs import Scene
from models.predictions import Prediction, PredictionStatus
from models.runs import JobLease
from storage.canonical import canonical_hash
from storage.leases import fenced


def prepare(
    lease: JobLease, scene: Scene, capability: str, provider: str, model: str, input: dict[str, Any]
) -> Prediction:
    """Return the ledger row for this scene, take and input: one that stands already, or a new one.

    A row that succeeded carries the output to use again. One that failed or was cut short by a crash is left as it
    is, as history, and a new one is written.
    """
    input_hash = canonical_hash({"capability": capability, "provider": provider, "model": model, "input": input})
    with fenced(lease) as (session, _job):
        standing = _succeeded(session, scene, input_hash)
        if standing is not None:
            return standing
        _close_open_rows(session, scene)
        row = Prediction(
            job_id=lease.job_id,
            scene_id=scene.id,
            take=scene.take,
            capability=capability,
            provider=provider,
            model=model,
            input=input,
            input_hash=input_hash,
            status=PredictionStatus.RUNNING,
        )
        session.add(row)
        return row


def settle(
    lease: JobLease,
    prediction_id: str,
    status: PredictionStatus,
    *,
    output_sha256: str | None = None,
    cost_usd: float = 0.0,
    error: str | None = None,
) -> None:
    """Record how a call ended."""
    with fenced(lease) as (session, _job):
        row = session.get_one(Prediction, prediction_id)
        row.status, row.output_sha256, row.cost_usd, row.error = status, output_sha256, cost_usd, error
        row.updated_at = row.finished_at = utc_now()
        session.add(row)


def _succeeded(session: Session, scene: Scene, input_hash: str) -> Prediction | None:
    query = select(Prediction).where(
        Prediction.scene_id == scene.id,
        Prediction.take == scene.take,
        Prediction.input_hash == input_hash,
        Prediction.status == PredictionStatus.SUCCEEDED,
        col(Prediction.output_sha256).is_not(None),
    )
    return session.exec(query.order_by(col(Prediction.inserted_at).desc())).first()


def _close_open_rows(session: Session, scene: Scene) -> None:
    """A local call does not survive its process: what is still open belongs to a run that died."""
    query = select(Prediction).where(
        Prediction.scene_id == scene.id, Prediction.provider == "local", Prediction.status == PredictionStatus.RUNNING
    )
    for row in session.exec(query):
        row.status, row.error = PredictionStatus.FAILED, "the run that made it ended early"
        row.updated_at = row.finished_at = utc_now()
        session.add(row)
