"""Photos of a campaign become a storyboard, clips rendered in parallel, and one film."""

from prefect import flow

from models.runs import ImagePairsRequest, JobOutcome
from tasks.approval import approved, awaiting_approval
from tasks.artifacts import seen_in_prefect
from tasks.make_film import make_film, scene_threads
from tasks.open_job import open_job
from tasks.plan_scenes import plan_scenes
from tasks.planning import planned
from tasks.publish_video import outcome


@flow(name="image-pairs", task_runner=scene_threads(), validate_parameters=True)
def image_pairs(request: ImagePairsRequest) -> JobOutcome:
    """Turn a campaign's photos into a video ad.

    Run it again on the same job and it goes on from where the job stands: planned scenes, finished clips and a
    stitched film are kept. Without approval it stops after the storyboard.
    """
    with open_job(request) as job, seen_in_prefect(job):
        if not planned(job):
            plan_scenes(job)
        if not approved(job):
            return awaiting_approval(job)
        make_film(job)
        return outcome(job)
