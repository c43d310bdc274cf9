"""Clients that were written for other model servers, unchanged."""

import asyncio
import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

from regrade.models.types import CONDITIONS
from tests.serving.oip.asking import packed


@pytest.fixture
def client(service: Any) -> Iterator[Any]:
    made = triton.InferenceServerClient(service.url.removeprefix("http://"))
    yield made
    made.close()


@pytest.fixture
def key(service: Any) -> dict[str, str]:
    return {"Authorization": f"Bearer {service.key('station')}"}


def photos(*files: bytes) -> Any:
    tensor = triton.InferInput("photos", [len(files)], "BYTES")
    return tensor.set_data_from_numpy(np.array(files, dtype=np.object_))


def posterior(service: Any, photo: bytes) -> list[np.float32]:
    shares = service.post([photo], {"rma": "RMA-1"}).json()["grade"]["probabilities"]
    return [np.float32(shares[condition]) for condition in CONDITIONS]


def test_tritonclient_finds_its_way(client: Any, service: Any, key: dict[str, str]) -> None:
    assert client.is_server_live()
    assert client.is_server_ready()
    assert client.get_server_metadata(headers=key)["name"] == "regrade"
    version = client.get_model_metadata("_router", headers=key)["versions"][0]
    assert client.is_model_ready("_router", version, headers=key)
    assert not client.is_model_ready("_router", "1", headers=key)
    assert not client.is_model_ready("bicycles", headers=key)


def test_tritonclient_sends_photos_and_reads_every_output(
    client: Any, service: Any, key: dict[str, str], photo: bytes
) -> None:
    result = client.infer("_router", [photos(photo)], headers=dict(key), request_id="7")
    assert result.get_response()["id"] == "7"
    assert result.as_numpy("probabilities")[0].tolist() == [float(share) for share in posterior(service, photo)]
    assert result.as_numpy("condition")[0].decode() in CONDITIONS
    assert result.as_numpy("boxes").shape[1:] == (4,)
    for output in client.get_model_metadata("_router", headers=key)["outputs"]:
        assert result.as_numpy(output["name"]) is not None


def test_tritonclient_sends_pixels_in_both_ways_and_asks_for_outputs_in_both(client: Any, key: dict[str, str]) -> None:
    rgb = np.random.default_rng(0).integers(70, 190, (200, 200, 3), dtype=np.uint8)
    said = []
    for binary in (True, False):
        tensor = triton.InferInput("pixels", list(rgb.shape), "UINT8").set_data_from_numpy(rgb, binary_data=binary)
        wanted = [triton.InferRequestedOutput(name, binary_data=binary) for name in ("probabilities", "condition")]
        result = client.infer("_router", [tensor], outputs=wanted, headers=dict(key), parameters={"one_item": True})
        said.append((result.as_numpy("probabilities").tolist(), result.as_numpy("condition").astype(str).tolist()))
        assert result.as_numpy("features") is None
    assert said[0] == said[1]


def test_tritonclient_raises_what_it_is_told(client: Any, key: dict[str, str], photo: bytes) -> None:
    wrong: list[tuple[str, dict[str, Any], str, str]] = [
        ("bicycles", {"headers": dict(key)}, "404", "There is no model 'bicycles'"),
        ("_router", {}, "401", "key"),
        ("_router", {"headers": dict(key), "request_compression_algorithm": "gzip"}, "415", "without Content-Encoding"),
        ("_router", {"headers": dict(key), "model_version": "1"}, "404", "is not loaded"),
    ]
    for model, options, status, words in wrong:
        with pytest.raises(InferenceServerException) as raised:
            client.infer(model, [photos(photo)], **options)
        assert raised.value.status() == status
        assert words in raised.value.message()


def test_what_kserves_client_sends_is_understood(service: Any, key: dict[str, str], photo: bytes) -> None:
    """As `kserve.InferRequest.to_rest` writes it (0.21), which brings grpcio, pandas and kubernetes along."""
    raw = packed([photo])
    tensor = {"name": "photos", "shape": [1], "datatype": "BYTES", "parameters": {"binary_data_size": len(raw)}}
    root = {"id": "a1", "model_name": "_router", "inputs": [tensor]}
    text = json.dumps(root, separators=(",", ":")).encode()
    headers = {"inference-header-content-length": str(len(text)), "content-type": "application/octet-stream"}
    answer = service.with_key(key["Authorization"][7:]).post(
        "/v2/models/_router/infer", content=text + raw, headers=headers
    )
    told = answer.json()
    assert (told["id"], told["model_name"]) == ("a1", "_router")
    assert told["outputs"][0]["data"] == [float(str(share)) for share in posterior(service, photo)]


def test_kserves_client_works_unchanged_where_it_is_installed(service: Any, key: dict[str, str], photo: bytes) -> None:
    kserve = pytest.importorskip("kserve", reason="kserve brings forty packages: pip install kserve to run this")

    async def ask() -> None:
        client = kserve.InferenceRESTClient(kserve.RESTConfig(protocol="v2"))
        assert await client.is_server_ready(service.url)
        assert await client.is_model_ready(service.url, "_router", headers=dict(key))
        files = kserve.InferInput("photos", [1], "BYTES")
        files.set_data_from_numpy(np.array([photo], dtype=np.object_))
        encoded = [base64.b64encode(photo).decode()]
        texts = kserve.InferInput("photos", [1], "BYTES", data=encoded, parameters={"content_type": "base64"})
        for tensor, parameters in ((files, {}), (files, {"binary_data_output": True}), (texts, {})):
            request = kserve.InferRequest("_router", [tensor], request_id="k", parameters=parameters)
            answer = await client.infer(service.url, request, model_name="_router", headers=dict(key))
            outputs = {output.name: output for output in answer.outputs}
            assert answer.id == "k"
            assert outputs["probabilities"].as_numpy()[0].tolist() == pytest.approx(posterior(service, photo))
            assert outputs["boxes"].shape == [0, 4] or outputs["boxes"].data
        await client.close()

    asyncio.run(ask())


def test_the_example_of_the_readme_works_as_it_is(
    service: Any, key: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project = Path(__file__).parents[3]
    blocks = re.findall(r"```python\n(.*?)```", (project / "README.md").read_text(encoding="utf-8"), flags=re.DOTALL)
    (example,) = (block for block in blocks if "tritonclient" in block)
    monkeypatch.chdir(project)
    monkeypatch.setenv("REGRADE_KEY", key["Authorization"][7:])
    exec(example.replace("127.0.0.1:8080", service.url.removeprefix("http://")), {})
    told = capsys.readouterr().out
    assert "[b'packaging'] [b'damaged']" in told
    assert "b'tear'" in told
