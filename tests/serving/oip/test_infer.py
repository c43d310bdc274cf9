"""Inference over HTTP: the same figures as an inspection has, the same limits and roles, and nothing stored."""

import base64
import io
import json
from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from regrade.models.types import CONDITIONS
from tests.serving.oip.asking import Infer, body_of

Outputs = Callable[[httpx.Response], dict[str, Any]]


def posterior(service: Any, photos: list[bytes], **item: Any) -> list[float]:
    """What an inspection of the same photos says."""
    answer = service.post(photos, {"rma": "RMA-1"} | item)
    assert answer.status_code == 201, answer.text
    return [answer.json()["grade"]["probabilities"][condition] for condition in CONDITIONS]


def test_the_posterior_is_that_of_an_inspection_to_the_digit(
    service: Any, infer: Infer, outputs: Outputs, render_photo: Any
) -> None:
    photos = [render_photo(seed) for seed in (1, 2)]
    assert outputs(infer(photos))["probabilities"] == posterior(service, photos)
    category = service.runtime.grader.categories[0]
    assert outputs(infer(photos, category))["probabilities"] == posterior(service, photos, category=category)


def test_photos_can_be_of_one_item_or_each_of_another(
    service: Any, infer: Infer, outputs: Outputs, render_photo: Any
) -> None:
    photos = [render_photo(seed) for seed in (1, 2, 3)]
    answer = infer(photos, parameters={"one_item": False})
    each = outputs(answer)
    alone = [posterior(service, [photo]) for photo in photos]
    assert each["probabilities"] == [share for shares in alone for share in shares]
    shapes = {one["name"]: one["shape"] for one in answer.json()["outputs"]}
    assert (shapes["probabilities"], shapes["condition"], shapes["issues"]) == ([3, 4], [3], [3])
    assert shapes["features"] == [3, service.runtime.grader.feature_size()]


def test_pixels_are_judged_as_a_png_of_them(service: Any, infer: Infer, outputs: Outputs, render_photo: Any) -> None:
    png = render_photo(4, size=(1600, 1200), kind="PNG")
    rgb = np.asarray(Image.open(io.BytesIO(png)))
    told = outputs(infer([png]))
    for shape in (rgb.shape, (1, *rgb.shape)):
        tensor = {"name": "pixels", "datatype": "UINT8", "shape": shape, "parameters": {"binary_data_size": rgb.nbytes}}
        text = json.dumps({"inputs": [tensor]}).encode()
        headers = {"Inference-Header-Content-Length": str(len(text))}
        answer = service.client.post("/v2/models/_router/infer", content=text + rgb.tobytes(), headers=headers)
        assert outputs(answer) == told


def test_a_photo_in_base64_is_judged_as_the_same_in_binary(
    service: Any, infer: Infer, outputs: Outputs, photo: bytes
) -> None:
    tensor = {"name": "photos", "datatype": "BYTES", "shape": [1], "data": [base64.b64encode(photo).decode()]}
    root = {"inputs": [tensor | {"parameters": {"content_type": "base64"}}]}
    assert outputs(service.client.post("/v2/models/_router/infer", json=root)) == outputs(infer([photo]))


def test_defects_are_boxes_with_their_photo_type_and_score(service: Any, infer: Infer, outputs: Outputs) -> None:
    from regrade.serving.examples.items import PHOTOS

    photos = [(PHOTOS / f"carton-torn-{n}.jpg").read_bytes() for n in (1, 2)]
    said = service.post(photos, {"rma": "RMA-1"}).json()
    told = outputs(infer(photos))
    assert said["defects"], "choose other photos"
    assert told["boxes"] == [side for one in said["defects"] for side in one["box"]]
    assert told["box_photo"] == [one["photo"] for one in said["defects"]]
    assert told["box_type"] == [one["type"] for one in said["defects"]]
    assert told["box_score"] == [one["score"] for one in said["defects"]]
    assert told["category"] == [said["category"]["name"]]


def test_a_photo_that_must_be_taken_again_is_not_graded(infer: Infer, outputs: Outputs, photo: bytes) -> None:
    out = io.BytesIO()
    Image.new("RGB", (640, 480), "black").save(out, "JPEG")
    told = outputs(infer([photo, out.getvalue()]))
    assert (told["probabilities"], told["condition"], told["category"]) == ([0.0] * 4, ["retake"], [""])
    assert told["issues"][0] == ""
    assert "too_dark" in told["issues"][1]
    each = outputs(infer([photo, out.getvalue()], parameters={"one_item": False}))
    assert each["condition"][0] != "retake"
    assert each["condition"][1] == "retake"


def test_nothing_of_it_is_stored(service: Any, infer: Infer, photo: bytes) -> None:
    assert infer([photo]).status_code == 200
    service.assert_nothing_stored()
    assert 'regrade_inferred_total{model="_router"} 1.0' in service.client.get("/metrics").text


def test_outputs_come_as_they_were_asked_for(infer: Infer, photo: bytes) -> None:
    wanted = [{"name": "condition"}, {"name": "probabilities", "parameters": {"binary_data": True}}]
    answer = infer([photo], outputs=wanted, id="my-7")
    size = int(answer.headers["inference-header-content-length"])
    root = json.loads(answer.content[:size])
    assert root["id"] == "my-7"
    assert [one["name"] for one in root["outputs"]] == ["condition", "probabilities"]
    assert root["outputs"][1]["parameters"] == {"binary_data_size": 16}
    assert np.frombuffer(answer.content[size:], "<f4").sum() == pytest.approx(1.0, abs=1e-5)


def test_without_an_id_the_answer_has_none_and_without_binary_outputs_no_length(infer: Infer, photo: bytes) -> None:
    answer = infer([photo], outputs=[{"name": "condition"}])
    assert "id" not in answer.json()
    assert "inference-header-content-length" not in answer.headers
    assert answer.headers["content-type"] == "application/json"


def test_only_the_loaded_version_answers(service: Any, photo: bytes) -> None:
    runs = service.runtime.grader.versions["_router"]
    content, headers = body_of([photo])
    for version, status in ((runs, 200), ("2001.1.1", 404)):
        path = f"/v2/models/_router/versions/{version}"
        assert service.client.get(path).status_code == status
        assert service.client.get(f"{path}/ready").status_code == status
        assert service.client.post(f"{path}/infer", content=content, headers=headers).status_code == status


def test_metadata_names_inputs_and_outputs_as_they_come(service: Any, infer: Infer, photo: bytes) -> None:
    for name in (*service.runtime.grader.categories, "_router"):
        told = service.client.get(f"/v2/models/{name}").json()
        assert told["versions"] == [service.runtime.grader.versions[name]]
        assert [one["name"] for one in told["inputs"]] == ["photos", "pixels"]
        for known, came in zip(told["outputs"], infer([photo], name).json()["outputs"], strict=True):
            assert (known["name"], known["datatype"]) == (came["name"], came["datatype"])
            assert len(known["shape"]) == len(came["shape"])
            assert all(a in (-1, b) for a, b in zip(known["shape"], came["shape"], strict=True))


def refused(answer: httpx.Response, status: int, words: str) -> None:
    """In the protocol's form, in the one media type in which its clients look for it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert list(answer.json()) == ["error"]
    assert words in answer.json()["error"]


def test_refusals_are_in_the_protocols_form(service: Any, infer: Infer, photo: bytes) -> None:
    refused(infer([photo], "bicycles"), 404, "There are: ")
    refused(infer([b"GIF89a"]), 415, "JPEG")
    refused(infer([photo[:5000]]), 422, "Photo 0")
    refused(infer([photo], outputs=[{"name": "logits"}]), 400, "probabilities")
    refused(infer([photo], parameters={"one_item": "no"}), 400, "true or false")
    refused(infer([photo], parameters={"timeout": "soon"}), 400, "microseconds")
    refused(infer([photo] * 13), 422, "12")
    refused(service.client.post("/v2/models/_router/infer", content=b"{"), 400, "cannot be read")
    refused(service.client.post("/v2/models/_router/infer", files={"photos": photo}), 415, "application/json")
    refused(service.client.get("/v2/models/_router/infer"), 405, "POST")
    refused(service.client.get("/v2/models/_router/config"), 404, "/docs")
    refused(service.with_key(None).get("/v2"), 401, "key")
    refused(service.as_role("reviewer").post("/v2/models/_router/infer"), 403, "station")
    refused(service.client.get("/v2?verbose=1"), 422, "verbose")
    service.assert_nothing_stored()


def test_a_compressed_request_is_refused_before_it_is_unpacked(service: Any, photo: bytes) -> None:
    content, headers = body_of([photo])
    for coding in ("gzip", "deflate"):
        sent = headers | {"Content-Encoding": coding}
        answer = service.client.post("/v2/models/_router/infer", content=content, headers=sent)
        refused(answer, 415, "without Content-Encoding")


def test_more_than_a_request_may_hold_is_refused(serve: Any, photo: bytes) -> None:
    service = serve(max_body_bytes=len(photo) + 1024, max_photo_bytes=len(photo) - 1)
    content, headers = body_of([photo])
    refused(service.client.post("/v2/models/_router/infer", content=content, headers=headers), 413, "Photo 0")
    refused(service.client.post("/v2/models/_router/infer", content=content * 2), 413, "smaller")
    refused(service.client.post("/v2/models/_router/infer", content=iter([content, content])), 413, "smaller")


def test_who_would_be_answered_too_late_is_sent_away_with_the_time_to_come_back(
    service: Any, infer: Infer, photo: bytes
) -> None:
    admission = service.runtime.admission
    admission.max_requests = 0
    answer = infer([photo])
    refused(answer, 503, "")
    assert int(answer.headers["retry-after"]) >= 1


def test_a_full_disk_keeps_nobody_from_what_is_not_stored(service: Any, infer: Infer, photo: bytes) -> None:
    service.runtime.disk.reserve = 2**60
    assert service.post([photo]).status_code == 507
    assert infer([photo]).status_code == 200


def test_a_service_that_is_not_ready_says_so_of_its_models(service: Any) -> None:
    assert service.client.get("/v2/models/_router/ready").json() == {"name": "_router", "ready": True}
    service.runtime.draining = True
    answer = service.client.get("/v2/models/_router/ready")
    assert (answer.status_code, answer.json()["ready"]) == (503, False)


def test_the_protocol_is_spoken_under_a_root_path_too(serve: Any) -> None:
    service = serve(root_path="/regrade")
    assert service.client.get("/regrade/v2").json()["extensions"] == ["binary_tensor_data"]
    refused(service.client.get("/regrade/v2/models/bicycles"), 404, "There are: ")
