"""Photos of a campaign become a storyboard, clips rendered in parallel, and one film."""

from prefect import flow, unmapped
from prefect.futures import wait
from prefect.task_runners import ThreadPoolTaskRunner

from models.runs import ImagePairsRequest, JobOutcome
from tasks.approval import approved, awaiting_approval
from tasks.artifacts import seen_in_prefect
from tasks.open_job import open_job
from tasks.plan_scenes import plan_scenes, planned
from tasks.publish_video import outcome, publish_video
from tasks.render_scene import render_scene
from tasks.rendering import gave_up, rendering, scenes_to_render
from tasks.stitch_clips import stitch_clips

_SCENES_AT_ONCE = 20
"""Every scene of a job has a thread; how many really work at once is the engines' own limit."""


@flow(
    name="image-pairs",
    task_runner=ThreadPoolTaskRunner(max_workers=_SCENES_AT_ONCE),  # type: ignore[arg-type]  # its future is invariant
    validate_parameters=True,
)
def image_pairs(request: ImagePairsRequest) -> JobOutcome:
    """Turn a campaign's photos into a video ad.

    Run it again on the same job and it goes on from where the job stands: planned scenes, finished clips and a
    stitched film are kept. Without approval it stops after the storyboard. A scene that is asked for while the film is
    being made is rendered, too, before the film is published.
    """
    with open_job(request) as job, seen_in_prefect(job):
        if not planned(job):
            plan_scenes(job)
        if not approved(job):
            return awaiting_approval(job)
        while rendering(job):
            wait(render_scene.map(scenes_to_render(job), job=unmapped(job)))
            if not gave_up(job):
                publish_video(job, stitch_clips(job))
        return outcome(job)
