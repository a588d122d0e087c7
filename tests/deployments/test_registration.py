"""What a Prefect server is told can be run."""

import asyncio
import tomllib
from collections.abc import Awaitable, Callable
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate, DeploymentUpdate
from prefect.client.schemas.schedules import IntervalSchedule

from deployments.catalog import QUEUES, WORK_POOL, WORKFLOWS
from deployments.registration import register, request_form
from deployments.warm_worker import WarmWorker
from settings import Settings

ROOT = Path(__file__).parents[2]


def ask(script: Callable[[PrefectClient], Awaitable[None]]) -> None:
    async def together() -> None:
        async with get_client() as client:
            await script(client)

    asyncio.run(together())


@pytest.mark.parametrize("workflow", WORKFLOWS.values(), ids=lambda workflow: workflow.name)
def test_the_catalogue_describes_the_flow(workflow: Any) -> None:
    module, _, name = workflow.entrypoint.rpartition(".")
    flow = getattr(import_module(module), name)
    assert flow.name == workflow.name
    assert request_form(workflow.request).model_dump_for_openapi() == flow.parameters.model_dump_for_openapi()


def test_prefect_yaml_says_the_same_as_the_catalogue() -> None:
    document = yaml.safe_load((ROOT / "prefect.yaml").read_text())
    assert document["pull"] == [], "else Prefect writes this folder's absolute path"
    assert document["deployments"] == [
        {
            "name": workflow.name,
            "entrypoint": workflow.entrypoint,
            "description": workflow.description,
            "enforce_parameter_schema": True,
            "work_pool": {"name": WORK_POOL, "work_queue_name": workflow.queue},
        }
        for workflow in WORKFLOWS.values()
    ]


def test_prefect_toml_names_the_server_of_up(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PREFECT_API_URL", "PREFECT_PORT"):
        monkeypatch.delenv(name, raising=False)
    document = tomllib.loads((ROOT / "prefect.toml").read_text())
    assert document["api"]["url"] == Settings(_env_file=None).prefect_url


@pytest.mark.usefixtures("prefect_test_server")
def test_registering_names_no_place_and_shows_a_form() -> None:
    async def script(client: PrefectClient) -> None:
        await register(client)
        pool = await client.read_work_pool(WORK_POOL)
        assert pool.type == WarmWorker.type
        queues = {queue.name: queue.priority for queue in await client.read_work_queues(work_pool_name=WORK_POOL)}
        assert queues.keys() >= set(QUEUES)
        assert queues["interactive"] < queues["batch"]
        for workflow in WORKFLOWS.values():
            known = await client.read_deployment_by_name(workflow.deployment)
            assert (known.entrypoint, known.pull_steps, known.path) == (workflow.entrypoint, [], None)
            assert (known.work_pool_name, known.work_queue_name) == (WORK_POOL, workflow.queue)
            assert known.enforce_parameter_schema
            assert (known.parameter_openapi_schema or {})["required"] == ["request"]

    ask(script)


@pytest.mark.usefixtures("prefect_test_server")
def test_registering_again_keeps_what_people_changed_and_mends_what_the_code_decides() -> None:
    name = next(iter(WORKFLOWS.values())).deployment

    async def script(client: PrefectClient) -> None:
        await register(client)
        first = await client.read_deployment_by_name(name)
        daily = IntervalSchedule(interval=timedelta(days=1))
        await client.create_deployment_schedules(first.id, [DeploymentScheduleCreate(schedule=daily)])
        await client.update_deployment(first.id, DeploymentUpdate(paused=True, entrypoint="flows.old.old"))
        await register(client)
        second = await client.read_deployment_by_name(name)
        assert second.id == first.id
        assert second.paused
        assert len(second.schedules) == 1
        assert second.entrypoint == first.entrypoint
        assert second.parameter_openapi_schema == first.parameter_openapi_schema
        before = second.updated
        await register(client)
        assert (await client.read_deployment_by_name(name)).updated == before, "nothing is written without need"
        await client.delete_deployment(first.id)

    ask(script)
