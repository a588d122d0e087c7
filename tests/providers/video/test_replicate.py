"""Clips bought at Replicate: real requests of the SDK to a server on loopback, one rule of the table each."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from media.probe import probe_video
from models.errors import NotConfigured, VendorFailed
from models.media import AspectRatio
from models.video_models import VideoFamily, vendor_model, vendor_order, video_family
from providers.video.base import Shot, Unrecorded
from providers.video.replicate import ReplicateVideoGenerator, cancel_order, client, orders, patience
from settings import Settings, get_settings
from tests.fakes.replicate_server import KEY, FakeReplicate


class Account(Unrecorded):
    """An account that remembers what was said; ids in ``others`` are those of other accounts."""

    def __init__(self) -> None:
        super().__init__()
        self.others: set[str] = set()
        self.failed: list[str] = []
        self.costs: list[float] = []
        self.dues = 0

    def accept(self, external_id: str) -> bool:
        return external_id not in self.others and super().accept(external_id)

    def look(self) -> bool:
        self.dues -= 1
        return self.dues >= 0

    def charge(self, cost_usd: float) -> None:
        self.costs.append(cost_usd)

    def fail(self, reason: str) -> None:
        self.failed.append(reason)

    def renew(self, reason: str) -> None:
        self.fail(reason)
        self.others.add(self.external_id or "")
        super().renew(reason)


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeReplicate]:
    monkeypatch.setattr(patience, "WAITS_S", (0.01, 0.02, 0.03))
    monkeypatch.setattr(orders, "SETTLE_S", 0.01)
    with FakeReplicate() as server:
        yield server


@pytest.fixture
def settings(vendor: FakeReplicate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    monkeypatch.chdir(tmp_path)
    get_settings.cache_clear()
    yield Settings(
        REPLICATE_API_KEY=KEY,
        REPLICATE_BASE_URL=vendor.url,
        REPLICATE_POLL_INITIAL_MS=1,
        REPLICATE_POLL_MAX_MS=4,
        REPLICATE_TIMEOUT_SECONDS=20,
    )
    get_settings.cache_clear()


Buy = Callable[..., tuple[Path, Account]]


@pytest.fixture
def buy(settings: Settings, make_pictures: Callable[..., list[Path]], tmp_path: Path) -> Buy:
    """Return a function that has a shot made, and gives the file and the account."""
    first, last = make_pictures(2)

    def make(account: Account | None = None, settings: Settings = settings, **wish: Any) -> tuple[Path, Account]:
        account, into = account or Account(), tmp_path / "clip.mp4"
        values = {
            "first_frame": first,
            "last_frame": last,
            "prompt": "a  quiet\nroom",
            "duration_s": 5,
            "family": "veo",
        }
        ReplicateVideoGenerator(settings, account).generate(Shot(**values | wish), into, lambda share: None)
        return into, account

    return make


@pytest.mark.parametrize(
    ("wished", "family"),
    [
        ("VEO3", "veo"), ("google/veo-3.1", "veo"), ("hilua-2.5", "hailuo"), ("MiniMax/Hailuo-02", "hailuo"),
        ("draft", "local"), ("auto", "veo"),
    ],
)  # fmt: skip
def test_every_name_has_a_family(wished: str, family: VideoFamily) -> None:
    assert video_family(wished, "auto", cloud=True) == family
    assert video_family("auto", wished, cloud=True) == family


def test_auto_is_local_without_a_key() -> None:
    assert video_family("auto", "auto", cloud=False) == "local"


@pytest.mark.parametrize(
    ("family", "wanted_s", "aspect", "sent"),
    [
        ("veo", 1, "16:9", (4, "1080p", "16:9")), ("veo", 5, "9:16", (4, "1080p", "9:16")),
        ("veo", 5.01, "1:1", (6, "1080p", "16:9")), ("veo", 7, "4:5", (6, "1080p", "16:9")),
        ("veo", 60, "16:9", (8, "1080p", "16:9")), ("hailuo", 3, "9:16", (6, "1080p", None)),
        ("hailuo", 8.9, "16:9", (6, "1080p", None)), ("hailuo", 9, "16:9", (10, "768p", None)),
    ],
)  # fmt: skip
def test_only_what_the_vendor_takes_is_sent(
    family: VideoFamily, wanted_s: float, aspect: AspectRatio, sent: tuple[Any, ...], buy: Buy, vendor: FakeReplicate
) -> None:
    order = vendor_order(vendor_model(family), "p " * 3000, wanted_s, aspect)
    assert (order["duration"], order["resolution"], order.get("aspect_ratio")) == sent
    assert len(order["prompt"]) <= 2000


@pytest.mark.parametrize(
    ("wish", "slug", "names", "seconds", "size", "cost"),
    [
        ({"aspect_ratio": "9:16"}, "google/veo-3.1", ("image", "last_frame"), 4, (36, 64), 0.8),
        ({"family": "hailuo"}, "minimax/hailuo-02", ("first_frame_image", "last_frame_image"), 6, (64, 36), 0.6),
    ],
)
def test_a_clip_is_bought(
    wish: dict[str, Any], slug: str, names: tuple[str, str], seconds: int, size: tuple[int, int], cost: float,
    buy: Buy, vendor: FakeReplicate,
) -> None:  # fmt: skip
    clip, account = buy(**wish)
    facts = probe_video(clip)
    assert (facts.duration_s, facts.width, facts.height) == (pytest.approx(seconds), *size)
    (made,) = vendor.made.values()
    assert (made.model, made.id, made.input["prompt"]) == (slug, account.external_id, "a quiet room")
    frames = [vendor.files[made.input[name].rpartition("/")[2]] for name in names]
    assert frames[0] != frames[1]
    assert all(frame.startswith(b"\xff\xd8") for frame in frames)
    assert account.request == {"version": slug, "input": made.input}
    assert account.costs == [pytest.approx(cost)]
    assert vendor.counts["billed_seconds"] == seconds


def test_one_frame_is_sent_once_and_public_ones_not_at_all(
    buy: Buy, vendor: FakeReplicate, make_pictures: Callable[..., list[Path]]
) -> None:
    (photo, _) = make_pictures(2)
    buy(last_frame=photo)
    assert vendor.counts["uploads"] == 1
    urls = ("https://photos.example/1", "https://photos.example/2")
    _, account = buy(frame_urls=urls)
    assert vendor.counts["uploads"] == 1
    assert account.request is not None
    assert (account.request["input"]["image"], account.request["input"]["last_frame"]) == urls


def test_without_a_key_it_says_which(settings: Settings, buy: Buy) -> None:
    with pytest.raises(NotConfigured, match="REPLICATE_API_KEY"):
        buy(settings=settings.model_copy(update={"replicate_api_key": None}))


@pytest.mark.parametrize("on", ["create", "upload", "read", "download"])
@pytest.mark.parametrize("fault", [{"kind": "status", "status": 503}, {"kind": "hang up"}])
def test_passing_trouble_is_waited_for(on: Any, fault: dict[str, Any], buy: Buy, vendor: FakeReplicate) -> None:
    if on == "download" and fault["kind"] == "hang up":
        fault = {"kind": "truncated"}
    vendor.fail(on, **fault)
    _, account = buy()
    assert vendor.counts["created"] == 1
    assert account.failed == []


def test_throttling_is_borne_five_times(buy: Buy, vendor: FakeReplicate, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(patience.Patience, "wait", lambda self, seconds, wakes=False: waits.append(seconds))
    vendor.fail("create", "status", status=429, retry_after="7", times=1)
    vendor.fail("create", "status", status=429, times=3)
    buy()
    assert waits[0] == 7
    assert [round(wait, 1) for wait in waits[1:4]] == [0.0] * 3
    assert 0.02 <= waits[1] <= 0.025
    assert waits[3] >= 0.03
    vendor.fail("create", "status", status=429, times=5)
    account = Account()
    with pytest.raises(VendorFailed, match="throttling, tried 5 times"):
        buy(account)
    assert len(account.failed) == 1
    assert vendor.counts["created"] == 1


def test_a_broken_vendor_is_asked_three_times(buy: Buy, vendor: FakeReplicate) -> None:
    vendor.fail("create", "status", status=500, times=3)
    account = Account()
    with pytest.raises(VendorFailed, match="500, tried 3 times"):
        buy(account)
    assert account.failed == []  # whether it has the order is not known
    buy(account)
    assert vendor.counts["created"] == 1


def test_a_refused_connection_is_tried_three_times(buy: Buy, settings: Settings, vendor: FakeReplicate) -> None:
    with pytest.raises(VendorFailed, match="cannot be reached, tried 3 times"):
        buy(settings=settings.model_copy(update={"replicate_base_url": "http://127.0.0.1:1"}))


@pytest.mark.parametrize("status", [401, 402, 404, 422])
def test_a_refusal_is_final(status: int, buy: Buy, vendor: FakeReplicate) -> None:
    vendor.fail("create", "status", status=status, text="not with you\nmy friend" + "!" * 999)
    account = Account()
    with pytest.raises(VendorFailed, match=r"not with you my friend!+…$") as caught:
        buy(account)
    assert not caught.value.retryable
    assert account.failed == [str(caught.value)]
    assert len(account.failed[0]) < 400


def test_the_vendor_checks_what_it_is_sent(buy: Buy, vendor: FakeReplicate, monkeypatch: pytest.MonkeyPatch) -> None:
    order = {"prompt": "p", "duration": 10, "resolution": "1080p", "prompt_optimizer": True}
    monkeypatch.setattr("providers.video.replicate.generator.vendor_order", lambda *_: order)
    with pytest.raises(VendorFailed, match="1080p is available for 6 seconds only"):
        buy(family="hailuo")


def test_a_lost_answer_is_found_in_the_list(buy: Buy, vendor: FakeReplicate) -> None:
    vendor.page_size = 1
    buy(prompt="before")
    vendor.fail("create", "lost")
    _, account = buy()
    buy(prompt="after")
    assert vendor.counts["created"] == 3
    assert account.external_id == list(vendor.made)[1]


def test_a_create_that_came_to_nothing_is_sent_once_more(buy: Buy, vendor: FakeReplicate) -> None:
    vendor.fail("create", "hang up", times=2)
    account = Account()
    with pytest.raises(VendorFailed, match="did not answer, tried 2 times"):
        buy(account)
    assert vendor.counts["created"] == 0
    assert account.failed == []


def test_what_another_account_has_is_not_taken(buy: Buy, vendor: FakeReplicate) -> None:
    urls = ("https://photos.example/1", "https://photos.example/2")
    _, first = buy(frame_urls=urls)
    vendor.fail("create", "hang up")
    account = Account()
    account.others = {first.external_id or ""}
    buy(account, frame_urls=urls)
    assert vendor.counts["created"] == 2
    assert account.external_id != first.external_id


class Killed(BaseException):
    """The process died here."""


@pytest.mark.parametrize("moment", ["prepare", "create", "accept", "find", "charge", "download"])
def test_a_death_at_any_moment_buys_nothing_twice(
    moment: str, buy: Buy, vendor: FakeReplicate, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = Account()
    where: Any = {
        "prepare": account, "accept": account, "charge": account, "create": client.Replicate, "find": client.Replicate,
        "download": ReplicateVideoGenerator,
    }[moment]  # fmt: skip
    name = "_download" if moment == "download" else moment
    real = getattr(where, name)

    def die(*args: Any) -> None:
        if moment in ("prepare", "create", "charge"):  # these are done, and the answer is lost
            real(*args)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(where, name, die)
        with pytest.raises(Killed):
            buy(account)
    clip, _ = buy(account)
    assert probe_video(clip).duration_s == pytest.approx(4)
    assert vendor.counts["created"] == vendor.counts["billed"] == 1
    assert account.failed == []


def test_a_prediction_that_the_vendor_forgot_is_ordered_anew(buy: Buy, vendor: FakeReplicate) -> None:
    _, account = buy()
    vendor.made[account.external_id or ""].forgotten = True
    buy(account)
    assert vendor.counts["created"] == 2
    assert account.failed == ["the vendor does not know the prediction any more"]


@pytest.mark.parametrize(("word", "said"), [("failed", "failed"), ("canceled", "cancelled"), ("aborted", "cancelled")])
def test_a_failed_prediction_is_not_repeated(word: str, said: str, buy: Buy, vendor: FakeReplicate) -> None:
    vendor.fail("work", "failed", word=word, text="NSFW\n content")
    account = Account()
    with pytest.raises(VendorFailed, match=said):
        buy(account)
    assert vendor.counts["created"] == len(account.failed) == 1
    assert account.costs == []


@pytest.mark.parametrize("times", [1, 2, 3])
def test_what_is_throttled_in_its_work_is_ordered_anew_twice(times: int, buy: Buy, vendor: FakeReplicate) -> None:
    vendor.fail("work", "failed", text="service is busy (E6716)", times=times)
    account = Account()
    if times < 3:
        buy(account)
    else:
        with pytest.raises(VendorFailed, match="E6716"):
            buy(account)
    assert len(account.failed) == times
    assert vendor.counts["created"] == min(3, times + 1)


def test_an_unknown_status_goes_on(buy: Buy, vendor: FakeReplicate) -> None:
    vendor.make_s = 0.05
    vendor.fail("work", "word", word="pondering")
    buy()
    assert vendor.counts["created"] == 1


def test_one_that_never_ends_is_cancelled(buy: Buy, settings: Settings, vendor: FakeReplicate) -> None:
    vendor.fail("work", "never")
    account = Account()
    with pytest.raises(VendorFailed, match=r"gave nothing within 0\.05 s"):
        buy(account, settings=settings.model_copy(update={"replicate_timeout_seconds": 0.05}))
    assert vendor.counts["cancelled"] == len(account.failed) == 1


@pytest.mark.parametrize("wrap", [lambda url: [url], lambda url: {"video": url}, lambda url: {"url": url}])
def test_every_form_of_output_is_read(wrap: Any, buy: Buy, vendor: FakeReplicate, monkeypatch: Any) -> None:
    monkeypatch.setattr(vendor, "film_url", lambda made: wrap(f"{vendor.url}/out/{made.id}.mp4"))
    assert probe_video(buy()[0]).duration_s == pytest.approx(4)


@pytest.mark.parametrize("output", [None, [], {}, 7])
def test_an_output_without_a_film_ends_it(output: Any, buy: Buy, vendor: FakeReplicate) -> None:
    vendor.fail("work", "output", output=output)
    account = Account()
    with pytest.raises(VendorFailed, match="names no film"):
        buy(account)
    assert len(account.failed) == 1
    assert account.costs == [pytest.approx(0.8)]  # it was carried out, so it costs


def test_a_film_that_does_not_arrive_can_be_fetched_later(buy: Buy, vendor: FakeReplicate, tmp_path: Path) -> None:
    vendor.fail("download", "truncated", times=3)
    account = Account()
    with pytest.raises(VendorFailed, match="could not be fetched"):
        buy(account)
    assert (account.failed, vendor.counts["downloads"]) == ([], 3)
    assert not (tmp_path / "clip.mp4").exists()
    buy(account)
    assert vendor.counts["created"] == 1


def test_a_film_that_is_gone_ends_it(buy: Buy, vendor: FakeReplicate) -> None:
    vendor.fail("download", "status", status=404)
    account = Account()
    with pytest.raises(VendorFailed, match="HTTP 404"):
        buy(account)
    assert len(account.failed) == 1


def test_no_film_is_fetched_from_within(buy: Buy, vendor: FakeReplicate, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = vendor.url.replace("127.0.0.1", "localhost")
    monkeypatch.setattr(vendor, "film_url", lambda made: f"{elsewhere}/out/{made.id}.mp4")
    with pytest.raises(VendorFailed, match="host is not allowed"):
        buy()
    assert vendor.counts["downloads"] == 0


def test_polling_doubles_and_word_from_the_vendor_ends_a_wait(
    buy: Buy, vendor: FakeReplicate, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    vendor.make_s = 60.0
    waits: list[float] = []
    real = patience.Patience.wait

    def wait(self: Any, seconds: float, *, wakes: bool = False) -> None:
        waits.append(seconds)
        vendor.make_s = 60.0 if len(waits) < 5 else 0.0
        real(self, seconds, wakes=wakes)

    monkeypatch.setattr(patience.Patience, "wait", wait)
    buy()
    assert waits == [0.001, 0.002, 0.004, 0.004, 0.004]
    vendor.make_s, account = 0.0, Account()
    account.dues = 3
    buy(account, settings=settings.model_copy(update={"replicate_poll_initial_ms": 600_000}))
    assert vendor.counts["billed"] == 2


@pytest.mark.parametrize("known", [True, False])
def test_what_is_given_up_is_cancelled_once(known: bool, settings: Settings, buy: Buy, vendor: FakeReplicate) -> None:
    vendor.make_s, account = 60.0, Account()

    def look() -> bool:
        if account.external_id:
            raise Killed
        return False

    account.look = look  # type: ignore[method-assign]
    with pytest.raises(Killed):
        buy(account)
    claimed: list[str] = []

    def cancel() -> bool:
        return cancel_order(
            settings,
            request=account.request,
            external_id=account.external_id if known else None,
            prepared_at=account.prepared_at,
            claim=lambda id: not claimed.append(id),  # type: ignore[func-returns-value]
        )

    assert not cancel()
    assert not cancel()
    assert vendor.counts["cancelled"] == 1
    assert set(claimed) == (set() if known else {account.external_id})
    nothing = {"request": None, "external_id": None, "prepared_at": account.prepared_at}
    assert not cancel_order(settings, **nothing, claim=lambda id: True)  # type: ignore[arg-type]


def test_cancelling_what_has_ended_tells_of_its_cost(settings: Settings, buy: Buy) -> None:
    _, account = buy()
    wanted = {"request": account.request, "external_id": account.external_id, "prepared_at": account.prepared_at}
    assert cancel_order(settings, **wanted, claim=lambda id: True)  # type: ignore[arg-type]
    unreachable = settings.model_copy(update={"replicate_base_url": "http://127.0.0.1:1"})
    with pytest.raises(VendorFailed):
        cancel_order(unreachable, **wanted, claim=lambda id: True)  # type: ignore[arg-type]


def test_the_key_is_trimmed_and_never_shown(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    monkeypatch.setenv("REPLICATE_API_TOKEN", " r8_secret\n")
    settings = Settings()
    assert settings.replicate_api_key == SecretStr("r8_secret")
    assert "r8_secret" not in repr(settings)
    monkeypatch.setenv("REPLICATE_API_KEY", "  ")
    assert Settings().replicate_api_key is None


def test_the_fake_speaks_the_api_as_documented(vendor: FakeReplicate) -> None:
    order = {"prompt": "p", "duration": 4, "image": "https://x.example/1"}
    with httpx.Client(base_url=vendor.url, headers={"Authorization": f"Bearer {KEY}"}, trust_env=False) as http:
        made = http.post("/v1/models/google/veo-3.1/predictions", json={"input": order})
        assert (made.status_code, made.json()["status"]) == (201, "starting")
        assert http.get(f"/v1/predictions/{made.json()['id']}").json()["status"] == "succeeded"
        assert http.get("/v1/predictions/unknown").status_code == 404
        assert http.get("/_counts").json()["created"] == 1
    assert httpx.get(f"{vendor.url}/v1/predictions", trust_env=False).status_code == 401
