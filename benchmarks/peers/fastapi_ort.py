"""FastAPI with ONNX Runtime INT8: `python fastapi_ort.py --port 9001`; see `fastapi_app.py`."""

from fastapi_app import app_of, run
from grading import PeerGrader

app = app_of(PeerGrader)

if __name__ == "__main__":
    run("fastapi_ort:app", __doc__)
