"""How a job is seen in Prefect, and that being seen never harms it."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey, FlowRunFilter
from prefect.client.schemas.objects import Artifact, FlowRun

from models.errors import NotFound
from models.jobs import Job, JobStatus, Scene
from models.runs import ImagePairsRequest
from storage import jobs
from storage.database import get_database
from tasks.artifacts import storyboard_markdown

needs_prefect = pytest.mark.usefixtures("prefect_test_server")


def run(**request: Any) -> Any:
    from flows.image_pairs import image_pairs

    return image_pairs(ImagePairsRequest(num_pairs=2, clip_duration=0.4, **request))


def runs_of(campaign: str) -> list[FlowRun]:
    with get_client(sync_client=True) as client:
        return client.read_flow_runs(flow_run_filter=FlowRunFilter(tags={"all_": [f"campaign:{campaign}"]}))


def artifacts_of(flow_run: FlowRun) -> dict[str, Artifact]:
    with get_client(sync_client=True) as client:
        found = client.read_artifacts(
            artifact_filter=ArtifactFilter(key=ArtifactFilterKey(like_="job-")),
            flow_run_filter=FlowRunFilter(id={"any_": [flow_run.id]}),
        )
    return {(artifact.key or "").split("-", 2)[2]: artifact for artifact in found}


@needs_prefect
def test_a_run_that_makes_its_job_takes_its_name_and_tags(make_campaign: Callable[..., str], engine: Any) -> None:
    campaign = make_campaign(4)
    outcome = run(campaign_id=campaign, approve=True)
    (flow_run,) = runs_of(campaign)
    assert flow_run.name == "image-pairs · Villa Rosa 1"
    assert f"job:{outcome.job_id}" in flow_run.tags
    seen = artifacts_of(flow_run)
    assert {name: artifact.type for name, artifact in seen.items()} == {
        "progress": "progress",
        "storyboard": "markdown",
        "result": "markdown",
    }
    assert seen["progress"].data == 100
    assert str(seen["storyboard"].data).count("/api/v3/assets/") == 4
    assert f"/jobs/{outcome.job_id})" in str(seen["result"].data)


@needs_prefect
def test_the_next_run_of_a_job_is_named_from_the_start(make_campaign: Callable[..., str], engine: Any) -> None:
    campaign = make_campaign(4)
    job_id = run(campaign_id=campaign).job_id
    (planning,) = runs_of(campaign)
    assert "result" not in artifacts_of(planning)
    with get_database().write() as session:
        jobs.approve(session, job_id)
    run(job_id=job_id)
    assert [flow_run.name for flow_run in runs_of(campaign)] == ["image-pairs · Villa Rosa 1"] * 2


@needs_prefect
@pytest.mark.parametrize("fault", [httpx.ConnectError("away"), NotFound("gone")])
def test_a_job_does_not_care_whether_it_is_seen(
    make_campaign: Callable[..., str], engine: Any, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    def broken(**_: Any) -> Any:
        raise fault

    monkeypatch.setattr("tasks.artifacts.get_client", broken)
    assert run(campaign_id=make_campaign(4), approve=True).status == JobStatus.COMPLETED


def test_what_people_wrote_does_not_break_the_table() -> None:
    job = Job(id=7, workflow="image-pairs", name="A | B\n<script>", warnings=["one\ntwo"])
    scene = Scene(
        job_id=7, scene_index=0, title="x | y", description="", prompt="", duration_s=2.5, transition="cut",
        first_asset_id="a", last_asset_id=None, camera_movement="dolly_forward",
    )  # fmt: skip
    lines = storyboard_markdown(job, [scene]).splitlines()
    assert lines[0] == "## A \\| B &lt;script>"
    row = next(line for line in lines if line.startswith("| 1 "))
    assert row.replace("\\|", "").count("|") == 7
    assert "dolly forward | 2.5 s" in row
    assert "deleted" in row
    assert lines[-1] == "- one two"
