"""What planning has in common, whatever is planned: whether it is done, and the rules where a model gives nothing."""

from collections.abc import Callable

from models.errors import ProviderUnavailable, VendorFailed
from models.providers import PlannerEngine
from models.runs import JobLease
from models.storyboard import Plan
from storage import jobs
from storage.database import get_database
from storage.progress import scenes_of


def planned(job: JobLease) -> bool:
    """Return whether a storyboard stands."""
    with get_database().read() as session:
        return jobs.get_job(session, job.job_id).plan_version > 0


def standing_scenes(job: JobLease) -> list[str]:
    """Return the ids of the scenes that stand, in their order."""
    with get_database().read() as session:
        return [scene.id for scene in scenes_of(session, job.job_id)]


def plan_or_fall_back(engine: PlannerEngine, plan: Callable[[PlannerEngine], Plan]) -> Plan:
    """Return the engine's plan; when it is a model that gives none, that of the rules, with a warning that says so."""
    if engine == "template":
        return plan(engine)
    try:
        return plan(engine)
    except (ProviderUnavailable, VendorFailed) as error:
        by_rule = plan("template")
        warning = f"{error}: the storyboard was planned by rule instead."
        return by_rule.model_copy(update={"warnings": [warning, *by_rule.warnings]})
