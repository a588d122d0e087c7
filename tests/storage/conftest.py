"""A job to write to."""

from collections.abc import Callable

import pytest

from models.runs import ImagePairsRequest, JobLease
from storage import jobs, leases
from storage.database import get_database


@pytest.fixture
def lease(make_campaign: Callable[..., str]) -> JobLease:
    """A new job of a campaign with four pictures, held by the owner ``test``."""
    campaign_id = make_campaign(pictures=4)
    with get_database().write() as session:
        job = jobs.create_image_pairs_job(session, ImagePairsRequest(campaign_id=campaign_id))
    assert job.id is not None
    held = JobLease(job_id=job.id, owner="test")
    leases.claim(held)
    return held
