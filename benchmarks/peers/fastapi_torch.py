"""FastAPI with torch, eager, FP32: `python fastapi_torch.py --port 9001`.

One worker process per core and one torch thread in each; see `fastapi_app.py`.
"""

from fastapi_app import app_of, run
from grading import CATEGORY, PeerGrader
from torch_networks import TorchNetworks

from regrade.models.registry.bundle import load_bundle, shipped_root

app = app_of(lambda: PeerGrader(TorchNetworks(load_bundle(shipped_root(), CATEGORY))))

if __name__ == "__main__":
    run("fastapi_torch:app", __doc__)
