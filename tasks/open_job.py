"""Taking a job for a run: find or create it, hold its lease, and leave it in a truthful state."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import httpx
from prefect import runtime
from prefect.exceptions import PrefectException
from sqlalchemy.exc import OperationalError

from models.columns import new_uuid
from models.errors import AtelierError, Superseded
from models.runs import JobLease, VideoRequest
from storage import jobs, leases
from storage.database import get_database


@contextmanager
def open_job(request: VideoRequest) -> Iterator[JobLease]:
    """Hold the job's lease while the block runs.

    An error that ends the block ends the job as failed, with the error's own words. A run that is merely stopped
    (Ctrl-C, a killed process), or that lost Prefect or the database, leaves the job as it is, to be picked up again.
    Raises Superseded when another run has the job.
    """
    flow_run_id = runtime.flow_run.id
    owner = f"{flow_run_id or new_uuid()}/{runtime.flow_run.run_count or 1}"
    lease = JobLease(job_id=_find_or_create(request, flow_run_id), owner=owner)
    leases.claim_patiently(lease)
    try:
        with leases.renewed(lease):
            jobs.begin_attempt(lease, flow_run_id)
            yield lease
    except (Superseded, httpx.HTTPError, PrefectException, OperationalError):
        raise
    except AtelierError as error:
        jobs.fail(lease, str(error))
        raise
    except Exception as error:
        jobs.fail(lease, f"{type(error).__name__}: this is a fault in Atelier; the run's log says where")
        raise
    finally:
        with suppress(OperationalError):  # it then expires
            leases.release(lease)


def _find_or_create(request: VideoRequest, flow_run_id: str | None) -> int:
    with get_database().read() as session:
        job = jobs.job_of_flow_run(session, flow_run_id) if flow_run_id else None
        if job is None and request.job_id is not None:
            job = jobs.get_job(session, request.job_id)
    if job is None:
        with get_database().write() as session:
            job = jobs.create_video_job(session, request)
            job.flow_run_id = flow_run_id
            job.idempotency_key = jobs.key_of_flow_run(flow_run_id) if flow_run_id else None
            job.submitted_attempt = job.wanted_attempt  # this very run; the service must not send another
    assert job.id is not None
    return job.id
