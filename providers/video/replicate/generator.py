"""From a shot to a clip that Replicate made: order, follow, download, check."""

import io
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from replicate.prediction import Prediction

from media.decode import open_picture
from media.fetch import fetch
from media.ffmpeg import written_whole
from media.probe import probe_video
from models.errors import FetchFailed, InvalidMedia, VendorFailed
from models.video_models import vendor_model, vendor_order
from providers.video.base import GeneratedClip, PaidCall, Progress, Shot
from providers.video.replicate.client import Passing, Replicate
from providers.video.replicate.orders import followed, placed, reason_of
from providers.video.replicate.patience import Patience, jittered
from settings import Settings

_FRAME_SIDE_PX = 2048
_FRAME_QUALITY = 95
_MOST_BYTES = 1024**3
_DOWNLOAD_TRIES = 3
_DOWNLOAD_TIMEOUT_S = 600.0
_GONE = ("HTTP 403", "HTTP 404", "HTTP 410")
_THROTTLED_IN_WORK = "E6716"
_MOST_RENEWALS = 2


class ReplicateVideoGenerator:
    """Buys a clip of Veo or Hailuo, as ``shot.family`` says. One object serves one shot and its account.

    The clip has the length, shape and encoding that the vendor gives it. What ``shot`` asks for beyond the vendor's
    choice (resolution, rate, fit, camera movement) is not asked for.
    """

    version = "1"

    def __init__(self, settings: Settings, call: PaidCall) -> None:
        self._settings, self._call = settings, call

    def generate(self, shot: Shot, into: Path, progress: Progress) -> GeneratedClip:
        """Have ``shot`` made and written to ``into``; the promises are those of VideoGenerator."""
        slug = self._settings.vendor_slug(shot.family)
        progress(0.0)
        with Replicate(self._settings) as api, written_whole(into) as partial:
            prediction = self._carried_out(api, shot, slug)
            cost_usd = self._cost_usd(shot)
            self._call.charge(cost_usd)
            progress(1.0)
            self._download(self._address(prediction), partial)
        return GeneratedClip(engine="replicate", technique=slug, cost_usd=cost_usd)

    def _carried_out(self, api: Replicate, shot: Shot, slug: str) -> Prediction:
        """Return a prediction that has succeeded. One that the vendor throttled in its work is ordered anew, twice."""
        for renewal in range(_MOST_RENEWALS + 1):
            prediction = placed(api, self._call, lambda: self._request(api, shot, slug))
            ended = followed(api, self._call, prediction, self._settings)
            if ended is not None and ended.status == "succeeded":
                return ended
            reason = reason_of(ended) if ended else "the vendor does not know the prediction any more"
            if renewal == _MOST_RENEWALS or (ended and _THROTTLED_IN_WORK not in (ended.error or "")):
                break
            self._call.renew(reason)
            Patience(self._call).wait(jittered(renewal + 1))
        self._call.fail(reason)
        raise VendorFailed(reason)

    def _request(self, api: Replicate, shot: Shot, slug: str) -> dict[str, Any]:
        """Return what to order, its frames where the vendor can fetch them."""
        model = vendor_model(shot.family)
        pictures = {path: _as_jpeg(path) for path in (shot.first_frame, shot.last_frame)}
        if shot.frame_urls is not None:
            first, last = shot.frame_urls
        else:
            sent = {path: self._uploaded(api, picture) for path, picture in pictures.items()}
            first, last = sent[shot.first_frame], sent[shot.last_frame]
        order = vendor_order(model, shot.prompt, shot.duration_s, shot.aspect_ratio)
        return {"version": slug, "input": {**order, model.first_frame: first, model.last_frame: last}}

    def _uploaded(self, api: Replicate, picture: bytes) -> str:
        patience = Patience(self._call)
        while True:
            try:
                return api.upload("frame.jpg", picture, "image/jpeg")
            except Passing as trouble:
                patience.after(trouble)

    def _cost_usd(self, shot: Shot) -> float:
        """Return the price of what was ordered, which may be more than what was wished for."""
        return vendor_model(shot.family).length(shot.duration_s).seconds * self._settings.rate_usd(shot.family)

    def _address(self, prediction: Prediction) -> str:
        """Return where the clip is (video-v3 §19.3)."""
        output = prediction.output
        if isinstance(output, list):
            output = output[0] if output else None
        if isinstance(output, dict):
            output = output.get("video") or output.get("url")
        if not isinstance(output, str):
            self._call.fail("replicate: the prediction succeeded, but names no film")
            raise VendorFailed("replicate: the prediction succeeded, but names no film")
        return output

    def _download(self, url: str, into: Path) -> None:
        """Fetch and check the clip. An account whose clip may still be fetched later stays open."""
        host = urlsplit(self._settings.replicate_base_url).hostname
        for tries in range(1, _DOWNLOAD_TRIES + 1):
            try:
                with into.open("wb") as file, fetch(
                    url, limit_bytes=_MOST_BYTES, timeout_s=_DOWNLOAD_TIMEOUT_S, trusted_host=host
                ) as found:  # fmt: skip
                    for chunk in found.chunks:
                        file.write(chunk)
                probe_video(into)
                return
            except (FetchFailed, InvalidMedia) as error:
                reason = f"replicate's clip could not be fetched: {error}"
                gone = str(error) in _GONE
                if gone or (tries == _DOWNLOAD_TRIES and not isinstance(error, FetchFailed)):
                    self._call.fail(reason)
                if gone or tries == _DOWNLOAD_TRIES:
                    raise VendorFailed(reason) from error
            Patience(self._call).wait(jittered(tries))


def _as_jpeg(path: Path) -> bytes:
    """Return the picture upright, in a format and size that every model reads. Raises InvalidMedia."""
    data = io.BytesIO()
    open_picture(path, max_side_px=_FRAME_SIDE_PX).save(data, "JPEG", quality=_FRAME_QUALITY)
    return data.getvalue()
