"""The recorded traffic of the clip gallery, replayed step by step as its README says."""

import json
import re
from pathlib import Path
from typing import Any

import httpx
import pytest

STEPS = "contracts/recorded/clip-gallery.json"
_TYPES = {"string": str, "boolean": bool, "array": list, "object": dict, "null": type(None), "any": object}


class Replay:
    """One run through the steps: variables, cookies, and what differed from what the client needs."""

    def __init__(self, base_url: str, **variables: str) -> None:
        self.variables: dict[str, Any] = dict(variables)
        self.differences: list[str] = []
        self.skipped: list[str] = []
        self._client = httpx.Client(base_url=base_url, timeout=30, trust_env=False)

    def run(self, steps: list[dict[str, Any]]) -> None:
        with self._client:
            for step in steps:
                if all(self.variables.get(name) for name in step.get("needs", [])):
                    self._step(step)
                else:
                    self.skipped.append(step["step"])

    def _step(self, step: dict[str, Any]) -> None:
        request, repeat = step["request"], step.get("repeat", {})
        for _ in range(repeat.get("times", 1)):  # the pauses between them are the client's, and of no interest here
            answer = self._client.request(
                request["method"], self._filled(request["path"]), headers=request["headers"],
                content=self._filled(request["body"]) if "body" in request else None,
            )  # fmt: skip
            self._compare(step["step"], answer, {"json_has": repeat.get("each_json_has", [])})
        self._compare(step["step"], answer, step["expect"])
        for name, pointer in step["capture"].items():
            found = values_at(answer.json(), pointer)
            self.variables[name] = found[0] if found else None

    def _filled(self, text: str) -> str:
        return re.sub(r"\{\{(\w+)\}\}", lambda found: str(self.variables[found[1]]), text)

    def _compare(self, name: str, answer: httpx.Response, expect: dict[str, Any]) -> None:
        if "status" in expect and answer.status_code not in expect["status"]:
            self.differences.append(f"{name}: status {answer.status_code}: {answer.text[:200]}")
            return
        for need in expect["json_has"]:
            document = answer.json()
            found = values_at(document, need["pointer"])
            if not found and not need.get("optional") and "*" not in need["pointer"]:
                self.differences.append(f"{name}: {need['pointer']} is missing")
            self.differences += [
                f"{name}: {need['pointer']} is {value!r}" for value in found if not fits(value, need)
            ]  # fmt: skip
        for header, condition in expect.get("headers", {}).items():
            value = answer.headers.get(header)
            if value is None or not value.startswith(condition.get("prefix", "")):
                self.differences.append(f"{name}: header {header} is {value!r}")


def values_at(document: Any, pointer: str) -> list[Any]:
    """Return the values that a JSON pointer leads to; a part ``*`` means every element."""
    values = [document]
    for part in pointer.split("/")[1:]:
        following: list[Any] = []
        for value in values:
            if part == "*":
                following += value if isinstance(value, list) else []
            elif isinstance(value, list) and part.isdigit():
                following += value[int(part) : int(part) + 1]
            elif isinstance(value, dict) and part in value:
                following.append(value[part])
        values = following
    return values


def fits(value: Any, need: dict[str, Any]) -> bool:
    """Return whether a value is of the type that is needed, and of the form."""

    def of(word: str) -> bool:
        if word in ("number", "integer"):
            number = isinstance(value, int | float) and not isinstance(value, bool)
            return number and (word == "number" or float(value).is_integer())
        return isinstance(value, _TYPES[word])

    if value is None and need.get("optional"):
        return True
    pattern = need.get("pattern")
    return any(map(of, need["type"].split("|"))) and (pattern is None or re.fullmatch(pattern, value) is not None)


@pytest.fixture(scope="module")
def steps(test_data: Path) -> list[dict[str, Any]]:
    recorded: list[dict[str, Any]] = json.loads((test_data / STEPS).read_text())
    conditions = {name for step in recorded for need in step["expect"]["json_has"] for name in need}
    assert conditions <= {"pointer", "type", "optional", "pattern"}, "a condition that this replay does not know"
    return recorded


def test_the_gallery_works_with_authentication(
    steps: list[dict[str, Any]], protected: Any, client: httpx.Client, film: Any
) -> None:
    client.headers["x-api-key"] = protected.keys[0]  # for making the film; the replay has a client of its own
    film(pictures=4)
    replay = Replay(str(client.base_url), username=protected.username, password=protected.password)
    replay.run(steps)
    assert (replay.differences, replay.skipped) == ([], [])


def test_the_gallery_works_without_authentication(steps: list[dict[str, Any]], client: httpx.Client) -> None:
    replay = Replay(str(client.base_url))
    replay.run(steps)
    assert replay.differences == []
    assert replay.skipped == ["probe-before-login", "login-refused", "login", "clip-play", "clip-poster"]
