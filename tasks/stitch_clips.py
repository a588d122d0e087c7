"""Stitching: the finished clips, in scene order, joined into one film."""

from contextlib import ExitStack

from prefect import task
from prefect.cache_policies import NO_CACHE

from media.concat import stitch
from models.errors import ProcessingFailed
from models.jobs import Scene, SceneStatus
from models.media import AspectRatio
from models.runs import JobLease, VideoParameters
from storage import jobs, scenes
from storage.canonical import canonical_hash
from storage.database import get_database
from storage.objects import ObjectKey, file_chunks, record_object
from storage.progress import advance, scenes_of
from storage.stages import StoredPieces
from storage.stores import get_object_store
from tasks.retrying import RETRIES, RETRY_DELAY_S, is_retryable
from tasks.scratch import scratch_folder


@task(retries=RETRIES, retry_delay_seconds=RETRY_DELAY_S, retry_condition_fn=is_retryable, cache_policy=NO_CACHE)
def stitch_clips(job: JobLease) -> str:
    """Join the clips that stand and return the film's object id. A film made of the same clips is kept.

    With ``transitions`` among the job's parameters the joins are what the scenes say. Whatever has to be encoded for
    the film is kept for the next one. Scenes that ended without a clip are failed and left out. Raises
    ProcessingFailed when there is no clip at all.
    """
    _close_lost_scenes(job)
    with get_database().read() as session:
        row = jobs.get_job(session, job.job_id)
        finished = [scene for scene in scenes_of(session, job.job_id) if scene.clip_sha256]
        errors = {scene.error for scene in scenes_of(session, job.job_id) if scene.error}
    if not finished:
        raise ProcessingFailed(f"no scene could be rendered: {'; '.join(sorted(errors)) or 'no reason was given'}")
    clips = [scene.clip_sha256 for scene in finished if scene.clip_sha256]
    wish = VideoParameters.model_validate(row.parameters)
    transitions = [scene.transition for scene in finished[:-1]] if wish.transitions else []
    decisive = {"clips": clips, "aspect_ratio": wish.aspect_ratio}
    input_hash = canonical_hash(decisive | ({"transitions": transitions} if transitions else {}))
    if row.film_sha256 is not None and row.film_input_hash == input_hash:
        return row.film_sha256
    advance(job, "stitching", 80.0)
    film = _joined(clips, wish.aspect_ratio, transitions)
    with get_database().write() as session:
        record_object(session, film, "video/mp4")
    jobs.keep_film(job, film.sha256, input_hash)
    return film.sha256


def _joined(clips: list[str], aspect_ratio: AspectRatio, transitions: list[str]) -> ObjectKey:
    """Join stored clips and store the film."""
    store = get_object_store()
    with ExitStack() as stack:
        film = scratch_folder(stack, "stitch") / "film.mp4"
        paths = [stack.enter_context(store.local_file(clip)) for clip in clips]
        stitch(paths, film, aspect_ratio=aspect_ratio, transitions=transitions, keeper=StoredPieces(), names=clips)
        return store.put(file_chunks(film))


def _close_lost_scenes(job: JobLease) -> None:
    """A scene that is still open now lost its task to something no task expects; it must not look alive."""
    with get_database().read() as session:
        lost: list[Scene] = [scene for scene in scenes_of(session, job.job_id) if scene.status == SceneStatus.RUNNING]
    for scene in lost:
        scenes.fail_scene(job, scene.id, "rendering ended without a clip; the run's log says why")
