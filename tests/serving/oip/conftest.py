"""Who asks, and how answers are read."""

from collections.abc import Callable, Sequence
from typing import Any

import httpx
import pytest

from tests.serving.oip.asking import Infer, body_of


@pytest.fixture
def infer(service: Any) -> Infer:
    """Asks for inference on photos as a station; `root` is what else stands in the JSON."""
    station = service.as_role("station")

    def ask(files: Sequence[bytes], model: str = "_router", **root: Any) -> httpx.Response:
        content, headers = body_of(files, **root)
        answer: httpx.Response = station.post(f"/v2/models/{model}/infer", content=content, headers=headers)
        return answer

    return ask


@pytest.fixture
def outputs() -> Callable[[httpx.Response], dict[str, Any]]:
    """The data of an answer in JSON, by the outputs' names."""

    def read(answer: httpx.Response) -> dict[str, Any]:
        assert answer.status_code == 200, answer.text
        return {one["name"]: one["data"] for one in answer.json()["outputs"]}

    return read
