"""The gate between the storyboard and the first clip. Approval is a state of the job, not a paused process."""

from models.jobs import JobStatus
from models.runs import JobLease, JobOutcome
from storage import jobs
from storage.database import get_database
from tasks.publish_video import outcome


def approved(job: JobLease) -> bool:
    """Return whether the job may render, and move it to ``running`` if so."""
    with get_database().read() as session:
        status = jobs.get_job(session, job.job_id).status
    if status == JobStatus.APPROVED:  # it was, by its own request, when it was planned
        jobs.start_rendering(job)
    return status not in (JobStatus.QUEUED, JobStatus.PLANNED)


def awaiting_approval(job: JobLease) -> JobOutcome:
    """Return the outcome of a run that planned and must wait; approving the job starts the next run."""
    return outcome(job)
