"""From approved scenes to a published film: what every film's flow does after its storyboard."""

from typing import Any

from prefect import unmapped
from prefect.futures import PrefectFuture, wait
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from models.runs import JobLease
from tasks.fetch_photos import fetch_photos
from tasks.publish_video import publish_video
from tasks.render_scene import render_scene
from tasks.rendering import gave_up, rendering, scenes_to_render
from tasks.stitch_clips import stitch_clips

_SCENES_AT_ONCE = 20
"""Every scene of a job has a thread; how many really work at once is the engines' own limit."""


def scene_threads() -> TaskRunner[PrefectFuture[Any]]:
    """Return the task runner of a flow that makes a film."""
    return ThreadPoolTaskRunner(max_workers=_SCENES_AT_ONCE)  # type: ignore[return-value]  # its future is invariant


def make_film(job: JobLease) -> None:
    """Render every scene that waits, stitch the clips, publish the film.

    A scene that is asked for while the film is being made is rendered, too, before the film is published.
    """
    while rendering(job):
        fetch_photos(job)
        wait(render_scene.map(scenes_to_render(job), job=unmapped(job)))
        if not gave_up(job):
            publish_video(job, stitch_clips(job))
