"""The dashboard asks for metrics that there are."""

import json
import re
from pathlib import Path
from typing import Any

DASHBOARD = Path(__file__).parents[3] / "deploy" / "grafana" / "dashboards" / "regrade.json"
SUFFIXES = {"histogram": ("_bucket", "_sum", "_count")}


def test_every_query_of_the_dashboard_names_metrics_that_exist(service: Any) -> None:
    told = re.findall(r"^# TYPE (\w+) (\w+)$", service.client.get("/metrics").text, flags=re.MULTILINE)
    known = {name + suffix for name, kind in told for suffix in SUFFIXES.get(kind, ("",))}
    panels = json.loads(DASHBOARD.read_text("utf-8"))["panels"]
    queries = [target["expr"] for panel in panels for target in panel["targets"]]
    assert len(queries) > 15
    for query in queries:
        named = set(re.findall(r"\b(?:regrade|process)_\w+", query))
        assert named, query
        assert named <= known, query
