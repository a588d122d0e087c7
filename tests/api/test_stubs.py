"""Empty lists, exactly."""

import httpx


def test_what_existing_clients_start_with(client: httpx.Client) -> None:
    for path, body in (
        ("/api/videos", {"videos": [], "total": 0}),
        ("/api/videos?limit=1", {"videos": [], "total": 0}),
        ("/api/videos?collection=video-to-text&limit=20&offset=x", {"videos": [], "total": 0}),
        ("/api/video-models?collection=text-to-video", {"models": []}),
        ("/api/image-models", {"models": []}),
        ("/api/audio-models", {"models": []}),
        ("/api/genesis/videos?limit=50", {"videos": []}),
        ("/api/images?limit=50", {"images": []}),
        ("/api/audio?limit=50", {"audio": []}),
        ("/api/creative/briefs?page=1&limit=12", {"briefs": [], "totalPages": 0}),
    ):
        answer = client.get(path)
        assert (answer.status_code, answer.json()) == (200, body), path


def test_there_is_no_such_video(client: httpx.Client) -> None:
    for video_id in ("1", "x", "00000000-0000-4000-8000-000000000000"):
        answer = client.get(f"/api/videos/{video_id}")
        assert (answer.status_code, answer.json()) == (404, {"error": "Video not found"})
