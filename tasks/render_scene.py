"""Rendering: one scene's clip, made, checked and stored."""

import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from media.probe import probe_video
from models.errors import AtelierError, ProcessingFailed, Superseded
from models.jobs import Scene, SceneStatus
from models.media import MediaFacts
from models.predictions import Prediction
from models.runs import JobLease, VideoParameters
from models.stages import StageResult
from models.video_models import VideoFamily, engine_of, vendor_model, vendor_order
from providers.video.base import GeneratedClip, Progress, Shot
from providers.video.choice import video_generator
from settings import get_settings
from storage import jobs, predictions, scenes
from storage.assets import asset_object
from storage.database import get_database
from storage.objects import ObjectKey, file_chunks, record_object
from storage.progress import report_scene
from storage.scene_models import scene_family
from storage.scenes import ACCEPTED_SHARE, RENDERED_SHARE
from storage.stores import get_object_store
from tasks.frame_urls import frame_urls
from tasks.paid_calls import LedgerCall
from tasks.retrying import RETRIES, RETRY_DELAY_S, is_retryable, was_last_try
from tasks.scratch import scratch_folder
from tasks.slots import engine_slot, start_turn

_REPORT_INTERVAL_S = 0.5
_LENGTH_TOLERANCE_S = 1.0
_ANY_PROMPT = "A slow, steady camera move from the first picture to the last."


@task(
    task_run_name="render-{scene_id}",
    retries=RETRIES,
    retry_delay_seconds=RETRY_DELAY_S,
    retry_condition_fn=is_retryable,
    cache_policy=NO_CACHE,
)
def render_scene(scene_id: str, job: JobLease) -> str:
    """Render one scene's clip, store it, and return the clip's object id. A clip that stands is kept.

    An error that no further try can mend ends the scene as failed and is raised; the job's other scenes go on.
    """
    scene = scenes.begin_take(job, scene_id)
    if scene.status == SceneStatus.COMPLETED and scene.clip_sha256 is not None:
        return scene.clip_sha256
    try:
        return _render(scene, job)
    except Superseded:
        raise
    except AtelierError as error:
        if was_last_try(error):
            scenes.fail_scene(job, scene_id, str(error))
        raise


def _render(scene: Scene, job: JobLease) -> str:
    """Make the clip, or take the one that was made of the same before; complete the scene with it."""
    with get_database().read() as session:
        parameters = VideoParameters.model_validate(jobs.get_job(session, job.job_id).parameters)
        frames = [asset_object(session, asset_id) for asset_id in (scene.first_asset_id, scene.last_asset_id)]
    family = scene_family(scene, parameters, get_settings())
    engine, wish = engine_of(family), _wish(scene, parameters)
    model, wanted = _wanted(family, wish)
    decisive = {**wanted, "frames": frames, "engine_version": video_generator(engine).version}
    call, clip = predictions.prepare(job, scene, "video", engine, model, decisive)
    if clip is None:
        call, clip = _call(family, wish, frames, job, scene, call)
    facts = MediaFacts.model_validate(clip.facts["file"])
    made_by = {**clip.facts["made"], "model": call.model, "cost_usd": call.cost_usd}
    scenes.keep_clip(job, scene.id, clip.object_sha256, facts, made_by)
    return clip.object_sha256


def _call(
    family: VideoFamily, wish: dict[str, Any], frames: Sequence[str], job: JobLease, scene: Scene, call: Prediction
) -> tuple[Prediction, StageResult]:
    """Have the clip made and stored, and record in the ledger how that ended."""
    try:
        account = LedgerCall(job, call)
        key, made, facts = _make(family, wish, frames, job, scene, account)
    except Superseded:
        raise
    except AtelierError as error:
        if family == "local":  # a vendor's call may go on: its account says how it stands
            predictions.fail(job, call.id, str(error))
        raise
    with get_database().write() as session:
        record_object(session, key, "video/mp4")
    known = {"made": made.model_dump(exclude={"cost_usd"}), "file": facts.model_dump(mode="json")}
    return predictions.succeed(job, account.id, key.sha256, known, made.cost_usd)


def _make(
    family: VideoFamily, wish: dict[str, Any], frames: Sequence[str], job: JobLease, scene: Scene, account: LedgerCall
) -> tuple[ObjectKey, GeneratedClip, MediaFacts]:
    """Let the engine work when there is a place for it, check what it made, and store that."""
    store, engine = get_object_store(), engine_of(family)
    with ExitStack() as stack:
        first, last = (stack.enter_context(store.local_file(sha256)) for sha256 in frames)
        shot = Shot(first_frame=first, last_frame=last, family=family, frame_urls=frame_urls(scene), **wish)
        clip = scratch_folder(stack, "render") / "clip.mp4"
        if family != "local" and not account.is_ordered:
            start_turn(job, scene.id)
        with engine_slot(engine, job, scene.id, goes_on=account.is_ordered):
            made = video_generator(engine, account).generate(shot, clip, _reporter(job, scene.id))
        facts = probe_video(clip)
        if family == "local" and abs((facts.duration_s or 0.0) - shot.duration_s) > _LENGTH_TOLERANCE_S:
            raise ProcessingFailed(f"the rendered clip lasts {facts.duration_s} s instead of {shot.duration_s} s")
        return store.put(file_chunks(clip)), made, facts


def _wanted(family: VideoFamily, wish: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the model, and what decides how its clip looks, beside its two frames."""
    if family == "local":
        return family, wish
    order = vendor_order(vendor_model(family), wish["prompt"], wish["duration_s"], wish["aspect_ratio"])
    return get_settings().vendor_slug(family), {"family": family, "order": order}


def _wish(scene: Scene, parameters: VideoParameters) -> dict[str, Any]:
    """Return what is asked of any engine, beside the two frames."""
    words = (scene.prompt, scene.description, scene.title, _ANY_PROMPT)
    return {
        "prompt": next(text for text in words if text.strip()),
        "duration_s": scene.duration_s,
        "aspect_ratio": scene.aspect_ratio or parameters.aspect_ratio,
        "resolution": parameters.resolution,
        "fps": parameters.fps,
        "fit": parameters.fit,
        "camera_movement": scene.camera_movement,
    }


def _reporter(job: JobLease, scene_id: str) -> Progress:
    """Return what the engine calls with the share it has done.

    It is passed on twice a second at most: each report is a transaction, which also asks whether to go on.
    """
    last = 0.0

    def report(share: float) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= _REPORT_INTERVAL_S:
            last = now
            report_scene(job, scene_id, ACCEPTED_SHARE + (RENDERED_SHARE - ACCEPTED_SHARE) * share)

    return report
