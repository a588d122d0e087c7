"""Who may write to a job."""

import threading
from datetime import timedelta

import pytest
from sqlalchemy.exc import OperationalError

from models.columns import utc_now
from models.errors import NotFound, Superseded
from models.jobs import Job, JobStatus
from models.runs import JobLease
from storage import leases
from storage.database import get_database
from storage.leases import fenced


def expire(lease: JobLease) -> None:
    with get_database().write() as session:
        job = session.get_one(Job, lease.job_id)
        job.lease_expires_at = utc_now() - timedelta(seconds=1)
        session.add(job)


def test_a_second_owner_is_refused(lease: JobLease) -> None:
    with pytest.raises(Superseded, match="another run"):
        leases.claim(JobLease(job_id=lease.job_id, owner="other"))


def test_the_same_owner_may_claim_again(lease: JobLease) -> None:
    leases.claim(lease)


def test_an_expired_lease_can_be_taken_and_fences_the_old_owner(lease: JobLease) -> None:
    expire(lease)
    leases.claim(JobLease(job_id=lease.job_id, owner="other"))
    with pytest.raises(Superseded, match="taken over"), fenced(lease):
        pytest.fail("the old owner must not get here")


def test_a_released_lease_is_free(lease: JobLease) -> None:
    leases.release(lease)
    leases.claim(JobLease(job_id=lease.job_id, owner="other"))


def test_releasing_never_takes_the_lease_from_another(lease: JobLease) -> None:
    expire(lease)
    other = JobLease(job_id=lease.job_id, owner="other")
    leases.claim(other)
    leases.release(lease)
    with fenced(other) as (_, job):
        assert job.lease_owner == "other"


def test_of_many_claims_one_wins(lease: JobLease) -> None:
    leases.release(lease)
    winners: list[str] = []

    def claim(owner: str) -> None:
        try:
            leases.claim(JobLease(job_id=lease.job_id, owner=owner))
            winners.append(owner)
        except Superseded:
            pass

    threads = [threading.Thread(target=claim, args=(f"run-{number}",)) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(winners) == 1


def test_a_cancelled_job_takes_no_more_writes(lease: JobLease) -> None:
    with get_database().write() as session:
        job = session.get_one(Job, lease.job_id)
        job.status = JobStatus.CANCELLED
        session.add(job)
    with pytest.raises(Superseded, match="cancelled"), fenced(lease):
        pytest.fail("nothing may be written to a cancelled job")


def test_an_unknown_job_cannot_be_claimed(lease: JobLease) -> None:
    with pytest.raises(NotFound):
        leases.claim(JobLease(job_id=999, owner="test"))


def test_a_lease_is_renewed_while_the_block_runs(lease: JobLease, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "RENEWAL_INTERVAL_S", 0.01)
    expire(lease)
    renewed = threading.Event()
    real_renew = leases.renew

    def noticing_renew(held: JobLease) -> bool:
        kept = real_renew(held)
        renewed.set()
        return kept

    monkeypatch.setattr(leases, "renew", noticing_renew)
    with leases.renewed(lease):
        assert renewed.wait(10)
    with get_database().read() as session:
        expires = session.get_one(Job, lease.job_id).lease_expires_at
    assert expires is not None
    assert expires > utc_now()


@pytest.mark.parametrize("step", [timedelta(0), timedelta(hours=-1), timedelta(hours=1)])
def test_a_renewal_can_be_seen_whatever_the_clock_does(
    lease: JobLease, monkeypatch: pytest.MonkeyPatch, step: timedelta
) -> None:
    seen = set()
    for number in range(3):
        monkeypatch.setattr(leases, "utc_now", lambda number=number: utc_now() + number * step)
        assert leases.renew(lease)
        with get_database().read() as session:
            seen.add(session.get_one(Job, lease.job_id).lease_expires_at)
    assert len(seen) == 3


def test_a_renewal_that_fails_is_tried_again(lease: JobLease, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "RENEWAL_INTERVAL_S", 0.01)
    renewed, faults, renew = threading.Event(), [OperationalError("UPDATE", {}, Exception("disk full"))], leases.renew

    def faulty_renew(held: JobLease) -> bool:
        if faults:
            raise faults.pop()
        renewed.set()
        return renew(held)

    monkeypatch.setattr(leases, "renew", faulty_renew)
    with leases.renewed(lease):
        assert renewed.wait(10)


@pytest.mark.parametrize(
    ("expires_in_s", "unchanged_s", "dead"),
    [
        (10.0, 15.0, False),
        (-1.0, 6.0, False),  # between two renewals, after the clock was set forward
        (-1.0, 7.0, True),
        (3600.0, 19.0, False),
        (3600.0, 20.0, True),  # the clock was set back; the lease would look alive for an hour
    ],
)
def test_a_lease_is_dead_when_it_stays_as_it_is(expires_in_s: float, unchanged_s: float, dead: bool) -> None:
    assert leases.is_dead(utc_now() + timedelta(seconds=expires_in_s), unchanged_s) is dead


def test_a_lease_that_was_taken_away_is_not_renewed(lease: JobLease) -> None:
    """Cancelling takes it; the old run must not have it back after a retry."""
    assert leases.renew(lease)
    leases.release(lease)
    assert not leases.renew(lease)
    with pytest.raises(Superseded), fenced(lease):
        pytest.fail("nothing may be written without a lease")
