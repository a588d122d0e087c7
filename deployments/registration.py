"""Making a Prefect server know what can be run: the work pool, its queues, and a deployment for every workflow.

Done at every start of a worker, and harmless to repeat: what people changed on the server (schedules, pauses, another
work pool, concurrency limits) is kept, and only what the code decides is brought up to date.
"""

import contextlib
from typing import Any

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import DeploymentUpdate, WorkPoolCreate
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.utilities.callables import ParameterSchema, parameter_schema
from pydantic import BaseModel

from deployments.catalog import QUEUES, WORK_POOL, WORKFLOWS, Workflow
from deployments.warm_worker import WarmWorker


async def register(client: PrefectClient) -> None:
    """Create what is missing and update what has changed."""
    await _work_pool(client)
    for workflow in WORKFLOWS.values():
        await _deployment(client, workflow)


def request_form(request: type[BaseModel]) -> ParameterSchema:
    """Return the parameters of a flow that takes one ``request``: what Prefect's UI shows as a form."""

    def flow(request: Any) -> None: ...

    flow.__annotations__ = {"request": request}
    return parameter_schema(flow)


async def _work_pool(client: PrefectClient) -> None:
    try:
        await client.read_work_pool(WORK_POOL)
    except ObjectNotFound:
        template = WarmWorker.get_default_base_job_template()
        pool = WorkPoolCreate(
            name=WORK_POOL, type=WarmWorker.type, base_job_template=template, description="Where Atelier's flows run."
        )
        with contextlib.suppress(ObjectAlreadyExists):  # another machine's worker was quicker
            await client.create_work_pool(pool)
    for priority, (name, description) in enumerate(QUEUES.items(), start=1):
        try:
            await client.read_work_queue_by_name(name, WORK_POOL)
        except ObjectNotFound:
            with contextlib.suppress(ObjectAlreadyExists):
                await client.create_work_queue(name, description, work_pool_name=WORK_POOL, priority=priority)


async def _deployment(client: PrefectClient, workflow: Workflow) -> None:
    form = request_form(workflow.request)
    try:
        known = await client.read_deployment_by_name(workflow.deployment)
    except ObjectNotFound:
        await client.create_deployment(
            flow_id=await client.create_flow_from_name(workflow.name),
            name=workflow.name,
            description=workflow.description,
            work_pool_name=WORK_POOL,
            work_queue_name=workflow.queue,
            tags=[],
            entrypoint=workflow.entrypoint,
            parameter_openapi_schema=form.model_dump_for_openapi(),
            pull_steps=[],
            enforce_parameter_schema=True,
        )
        return
    wanted = {
        "description": workflow.description,
        "entrypoint": workflow.entrypoint,
        "pull_steps": [],
        "parameter_openapi_schema": form.model_dump_for_openapi(),
    }
    stands = {name: getattr(known, name) for name in wanted}
    stands["parameter_openapi_schema"] = known.parameter_openapi_schema or {}
    stands["pull_steps"] = known.pull_steps or []
    if stands != wanted:
        await client.update_deployment(known.id, DeploymentUpdate.model_validate(wanted))
