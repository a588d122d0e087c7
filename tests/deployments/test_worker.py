"""What our worker does differently from Prefect's."""

import asyncio
import sys
from pathlib import Path
from uuid import uuid4

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.responses import WorkerFlowRunResponse

from deployments.catalog import WORK_POOL
from deployments.registration import register
from deployments.worker import FlowProcessConfiguration, PatientProcessWorker


def prepared(**given: str) -> FlowProcessConfiguration:
    configuration = FlowProcessConfiguration.model_validate(given)
    configuration.prepare_for_flow_run(FlowRun(flow_id=uuid4(), name="a run"))
    return configuration


def test_a_run_gets_this_interpreter_here_and_a_line_to_its_worker() -> None:
    configuration = prepared()
    assert configuration.command is not None
    assert configuration.command.split() == [sys.executable, "-P", "-m", "deployments.flow_process"]
    assert configuration.working_dir == Path.cwd()


def test_what_a_deployment_sets_is_kept(tmp_path: Path) -> None:
    configuration = prepared(command="python other.py", working_dir=str(tmp_path))
    assert configuration.command == "python other.py"
    assert configuration.working_dir == tmp_path


@pytest.mark.usefixtures("prefect_test_server")
def test_a_run_that_is_still_ending_is_not_started_again_yet() -> None:
    async def script() -> list[FlowRun]:
        async with get_client() as client:
            await register(client)
        run = FlowRun(flow_id=uuid4(), name="retried at once")
        scheduled = WorkerFlowRunResponse(work_pool_id=uuid4(), work_queue_id=uuid4(), flow_run=run)
        async with PatientProcessWorker(WORK_POOL, ["batch"], "patient", limit=2) as worker:
            worker.limiter.acquire_on_behalf_of_nowait(run.id)
            submitted: list[FlowRun] = await worker._submit_scheduled_flow_runs([scheduled])
            return submitted

    assert asyncio.run(script()) == []
