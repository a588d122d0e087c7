"""Rendering: one scene's clip, made, checked and stored."""

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from media.probe import probe_video
from models.errors import AtelierError, ProcessingFailed, Superseded
from models.jobs import Scene, SceneStatus
from models.predictions import PredictionStatus
from models.runs import JobLease, VideoParameters
from providers.video.base import Progress, Shot
from providers.video.choice import video_engine, video_generator
from settings import get_settings
from storage import jobs, predictions, scenes
from storage.assets import asset_object
from storage.database import get_database
from storage.objects import file_chunks, get_object_store, record_object
from storage.progress import report_scene
from tasks.retrying import RETRIES, RETRY_DELAY_S, is_retryable, was_last_try


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
    with get_database().read() as session:
        parameters = VideoParameters.model_validate(jobs.get_job(session, job.job_id).parameters)
        frames = asset_object(session, scene.first_asset_id), asset_object(session, scene.last_asset_id)
    engine = video_engine(scene.model or parameters.video_model, get_settings())
    wish = _wish(scene, parameters)
    call = predictions.prepare(job, scene, "video", engine, engine, {**wish, "frames": list(frames)})
    with ExitStack() as stack:
        store = get_object_store()
        if call.output_sha256 is not None:
            clip = stack.enter_context(store.local_file(call.output_sha256))
            return _keep(scene, job, clip, call.output_sha256, {"engine": engine, "cost_usd": call.cost_usd})
        first, last = (stack.enter_context(store.local_file(sha256)) for sha256 in frames)
        scratch = _scratch(stack)
        shot = Shot(first_frame=first, last_frame=last, **wish)
        try:
            made = video_generator(engine).generate(shot, scratch / "clip.mp4", _reporter(job, scene.id))
            _check(scratch / "clip.mp4", shot)
        except AtelierError as error:
            if not isinstance(error, Superseded):
                predictions.settle(job, call.id, PredictionStatus.FAILED, error=str(error))
            raise
        key = store.put(file_chunks(scratch / "clip.mp4"))
        with get_database().write() as session:
            record_object(session, key, "video/mp4")
        predictions.settle(job, call.id, PredictionStatus.SUCCEEDED, output_sha256=key.sha256, cost_usd=made.cost_usd)
        return _keep(scene, job, scratch / "clip.mp4", key.sha256, made.model_dump())


def _wish(scene: Scene, parameters: VideoParameters) -> dict[str, Any]:
    """Return what decides how the clip looks, beside its two frames."""
    return {
        "prompt": scene.prompt,
        "duration_s": scene.duration_s,
        "aspect_ratio": scene.aspect_ratio or parameters.aspect_ratio,
        "resolution": parameters.resolution,
        "fps": parameters.fps,
        "fit": parameters.fit,
        "camera_movement": scene.camera_movement,
    }


def _scratch(stack: ExitStack) -> Path:
    folder = get_settings().scratch_dir
    folder.mkdir(parents=True, exist_ok=True)
    return Path(stack.enter_context(TemporaryDirectory(prefix="render-", dir=folder)))


def _reporter(job: JobLease, scene_id: str) -> Progress:
    accepted, finished = scenes.ACCEPTED_SHARE, 0.75
    return _throttled(lambda share: report_scene(job, scene_id, accepted + (finished - accepted) * share))


def _throttled(report: Callable[[float], None], interval_s: float = 0.5) -> Progress:
    """Pass on a report at most twice a second: each is a transaction, and each also asks whether to go on."""
    import time

    last = 0.0

    def progress(share: float) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= interval_s:
            last = now
            report(share)

    return progress


def _check(clip: Path, shot: Shot) -> None:
    facts = probe_video(clip)
    if facts.duration_s is None or abs(facts.duration_s - shot.duration_s) > 1.0:
        raise ProcessingFailed(f"the rendered clip lasts {facts.duration_s} s instead of {shot.duration_s} s")


def _keep(scene: Scene, job: JobLease, clip: Path, sha256: str, made_by: dict[str, Any]) -> str:
    scenes.keep_clip(job, scene.id, sha256, probe_video(clip), made_by)
    return sha256
