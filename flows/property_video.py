"""Photos of a property become a film in fixed scenes, from the arrival to the last impression."""

from prefect import flow

from models.runs import JobOutcome, PropertyVideoRequest
from tasks.approval import approved, awaiting_approval
from tasks.artifacts import seen_in_prefect
from tasks.make_film import make_film, scene_threads
from tasks.open_job import open_job
from tasks.plan_property_scenes import plan_property_scenes
from tasks.planning import planned
from tasks.publish_video import outcome


@flow(name="property-video", task_runner=scene_threads(), validate_parameters=True)
def property_video(request: PropertyVideoRequest) -> JobOutcome:
    """Turn photos of a property into a film whose scenes follow a fixed order, or the types that are named.

    Run it again on the same job and it goes on from where the job stands. Without approval it stops after the
    storyboard.
    """
    with open_job(request) as job, seen_in_prefect(job):
        if not planned(job):
            plan_property_scenes(job)
        if not approved(job):
            return awaiting_approval(job)
        make_film(job)
        return outcome(job)
