"""Which scenes a run has to render, and when there is nothing more to gain."""

from models.jobs import JobStatus
from models.runs import JobLease
from storage import jobs
from storage.database import get_database
from storage.progress import waiting_scenes


def rendering(job: JobLease) -> bool:
    """Return whether the job still has a film to make."""
    with get_database().read() as session:
        return jobs.get_job(session, job.job_id).status == JobStatus.RUNNING


def scenes_to_render(job: JobLease) -> list[str]:
    """Return the ids of the scenes that the run has still to render, in their order."""
    with get_database().read() as session:
        return [scene.id for scene in waiting_scenes(session, jobs.get_job(session, job.job_id))]


def gave_up(job: JobLease) -> bool:
    """Return whether the job came to rest without a new film, because it would be no better than the published one."""
    return jobs.give_up(job)
