from pathlib import Path

import av
import numpy as np
import pytest

from media.encode import encode_frames
from models.media import Size


def test_frames_come_back_as_they_were(tmp_path: Path) -> None:
    y, x = np.mgrid[0:72, 0:128]
    frames = [np.stack([x + n, 2 * y + n, x + y], axis=-1).astype(np.uint8) for n in range(20)]
    with encode_frames(tmp_path / "a.mp4", Size(128, 72), 25) as write:
        for frame in frames:
            write(frame)
    with av.open(str(tmp_path / "a.mp4")) as container:
        track = container.streams.video[0]
        assert (track.codec_context.pix_fmt, track.average_rate, track.sample_aspect_ratio) == ("yuv420p", 25, 1)
        assert track.codec_context.colorspace == 1  # BT.709
        seen = [frame.to_ndarray(format="rgb24") for frame in container.decode(track)]
    assert len(seen) == 20
    error = np.stack(seen).astype(float) - np.stack(frames)
    assert 10 * np.log10(255**2 / (error**2).mean()) > 36


def test_wrong_frame_or_failure_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected"), encode_frames(tmp_path / "a.mp4", Size(64, 64), 24) as write:
        write(np.zeros((64, 32, 3), np.uint8))
    assert list(tmp_path.iterdir()) == []
