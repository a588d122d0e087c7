"""The deployments on Prefect's own process pool, for those who do not want our worker."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import DeploymentUpdate, WorkPoolCreate
from prefect.workers.process import ProcessWorker

from deployments.catalog import WORKFLOWS
from deployments.registration import register
from models.jobs import Job, JobStatus
from storage.database import get_database

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("prefect_test_server")]


def test_a_film_is_made_on_a_stock_process_pool(make_campaign: Callable[..., str]) -> None:
    request: dict[str, Any] = {"campaign_id": make_campaign(2), "num_pairs": 1, "clip_duration": 0.4, "approve": True}

    async def script() -> None:
        async with get_client() as client:
            await register(client)
            await client.create_work_pool(WorkPoolCreate(name="elsewhere", type=ProcessWorker.type))
            deployment = await client.read_deployment_by_name(WORKFLOWS["image-pairs"].deployment)
            moved = DeploymentUpdate(work_pool_name="elsewhere", work_queue_name="default")
            await client.update_deployment(deployment.id, moved)
            await client.create_flow_run_from_deployment(deployment.id, parameters={"request": request})
        worker = ProcessWorker("elsewhere", create_pool_if_not_found=False, limit=1)
        await worker.start(run_once=True, printer=lambda *_: None)
        async with get_client() as client:
            await client.delete_deployment(deployment.id)

    asyncio.run(script())
    with get_database().read() as session:
        job = session.get_one(Job, 1)
    assert (job.status, job.error) == (JobStatus.COMPLETED, None)
    assert job.video_sha256 is not None
