"""The ledger of provider calls: written before a call, settled after it, and looked at before the next."""

from typing import Any

from sqlmodel import Session, select

from models.columns import utc_now
from models.jobs import Scene
from models.predictions import Prediction, PredictionStatus
from models.runs import JobLease
from models.stages import StageResult
from storage import stages
from storage.canonical import canonical_hash
from storage.leases import fenced
from storage.vendor_calls import LOCAL, give_up_calls, open_call


def prepare(
    lease: JobLease, scene: Scene, capability: str, provider: str, model: str, input: dict[str, Any]
) -> tuple[Prediction, StageResult | None]:
    """Return the ledger row for this scene, take and input, and the result to use if the same was made before.

    ``input`` holds everything that decides the result and nothing of the job: what was made of it for another job's
    same take is used, too, and then noted as a row that cost nothing. Without a result the call is to be made. The row
    is then new, or, at a vendor, the one that an earlier run left open: its call goes on there. What else is open of
    this scene is closed, as history, or given up.
    """
    row = Prediction(
        job_id=lease.job_id,
        scene_id=scene.id,
        take=scene.take,
        capability=capability,
        provider=provider,
        model=model,
        input=input,
        input_hash=canonical_hash({"capability": capability, "provider": provider, "model": model, "input": input}),
        status=PredictionStatus.RUNNING if provider == LOCAL else PredictionStatus.PREPARED,
    )
    made = stages.standing(*_stage(row))
    with fenced(lease) as (session, _job):
        noted = _succeeded(session, row, made.object_sha256) if made else None
        if noted is not None:
            return noted, made
        _close_open_rows(session, scene)
        going_on = open_call(session, row) if made is None else None
        give_up_calls(session, scene_id=scene.id, but=going_on.id if going_on else None)
        if going_on is not None:
            return going_on, None
        if made is not None:
            row.status, row.output_sha256, row.reused = PredictionStatus.SUCCEEDED, made.object_sha256, True
            row.finished_at = utc_now()
        session.add(row)
        return row, made


def succeed(
    lease: JobLease, prediction_id: str, output_sha256: str, facts: dict[str, Any], cost_usd: float
) -> tuple[Prediction, StageResult]:
    """Record what a call gave, in the ledger and for whoever wants the same again. The object must be recorded."""
    with fenced(lease) as (session, _job):
        row = session.get_one(Prediction, prediction_id)
        row.status, row.output_sha256, row.cost_usd = PredictionStatus.SUCCEEDED, output_sha256, cost_usd
        row.updated_at = row.finished_at = utc_now()
        session.add(row)
        return row, stages.keep(session, *_stage(row), output_sha256, facts)


def fail(lease: JobLease, prediction_id: str, reason: str) -> None:
    """Record that a call failed, and why."""
    with fenced(lease) as (session, _job):
        row = session.get_one(Prediction, prediction_id)
        row.status, row.error = PredictionStatus.FAILED, reason
        row.updated_at = row.finished_at = utc_now()
        session.add(row)


def _stage(row: Prediction) -> tuple[str, dict[str, Any]]:
    """Return the stage that a call is, and what decides its result: another take is another result."""
    return f"{row.capability}/1", {"input_hash": row.input_hash, "take": row.take}


def _succeeded(session: Session, call: Prediction, output_sha256: str) -> Prediction | None:
    query = select(Prediction).where(
        Prediction.scene_id == call.scene_id,
        Prediction.take == call.take,
        Prediction.input_hash == call.input_hash,
        Prediction.status == PredictionStatus.SUCCEEDED,
        Prediction.output_sha256 == output_sha256,
    )
    return session.exec(query).first()


def _close_open_rows(session: Session, scene: Scene) -> None:
    """A local call does not survive its process: what is still open belongs to a run that died."""
    query = select(Prediction).where(
        Prediction.scene_id == scene.id, Prediction.provider == LOCAL, Prediction.status == PredictionStatus.RUNNING
    )
    for row in session.exec(query):
        row.status, row.error = PredictionStatus.FAILED, "the run that made it ended early"
        row.updated_at = row.finished_at = utc_now()
        session.add(row)
