"""What the steps of an inspection say together, for people and programs that read one object rather than a chain.

It is made of signed steps alone, and the same steps always make the same: anybody can make it anew and compare.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from regrade.serving.evidence.statements import PHOTO
from regrade.serving.evidence.steps import FIRST, FORMAT, Step

_TOLD = ("graded", "recorded_before", "regraded", "reviewed", "undone")
"""Kinds whose body is told by the members of the view; that of any other stands in its line among the steps."""


def view_of(steps: Sequence[Step]) -> dict[str, Any]:
    """All that is known of an inspection by its `steps`, as JSON values. Without steps it is empty but for its format.

    `steps` in it lists them: place, kind, moment, key and SHA-256 of each.
    """
    view: dict[str, Any] = {"format": FORMAT}
    for step in steps:
        if step.kind in FIRST:
            view |= _inspection(step)
        elif step.kind == "regraded":
            _regrade(view, step)
        elif step.kind == "reviewed":
            view.setdefault("reviews", []).append(_review(step.body["review"]))
        elif step.kind == "undone":
            _undo(view, step)
        if "status" in step.body:
            view["status"] = step.body["status"]
        view.setdefault("steps", []).append(_line(step))
    return view


def item_of(body: Mapping[str, Any]) -> dict[str, Any]:
    """The item as a client sent it, of the body of a first step; without what was erased."""
    item = dict(body["item"])
    if "answers" in item:
        item["answers"] = json.loads(item["answers"])
    return item


def _inspection(step: Step) -> dict[str, Any]:
    body = step.body
    return {
        "inspection": step.inspection,
        "status": body["status"],
        "received": body["received"],
        "item": item_of(body),
        **_graded(body),
        "reviews": [_review(review) for review in body.get("reviews", ())],
    }


def _graded(body: Mapping[str, Any]) -> dict[str, Any]:
    decision = body["decision"]
    return {
        "photos": [{name: photo[name] for name in ("index", *PHOTO)} for photo in body["photos"]],
        "models": body["model_output"].get("models", {}),
        "model_output": body["model_output"],
        "policy": None if decision is None else decision["disposition"].get("policy"),
        "decision": decision,
        "provenance": body.get("provenance"),
        # Not in what was signed before codes were read and pieces counted: its view must stay what it was.
        **{name: body[name] for name in ("identity", "pieces") if name in body},
    }


def _regrade(view: dict[str, Any], step: Step) -> None:
    """A new revision takes the place of the one before it, which is kept among the `former`."""
    told = _graded(step.body)
    number = step.body["revision"]
    was = {name: view.get(name) for name in ("status", *told)}
    view.setdefault("former", []).append({"revision": number - 1, **was, "category": view["item"].get("category")})
    view["item"] = {**view["item"], **step.body["item"]}
    view |= {
        **told,
        "revision": number,
        "cause": step.body["cause"],
        "regraded": {"at": step.at, "by": step.body["by"]},
    }


def _review(review: Mapping[str, Any]) -> dict[str, Any]:
    undone = review.get("undone")
    kept = {name: value for name, value in review.items() if name not in ("task_id", "seconds", "undone")}
    return {**kept, "note": review.get("note"), "undone_at": undone["at"] if undone else None}


def _undo(view: dict[str, Any], step: Step) -> None:
    for review in view.get("reviews", ()):
        if review["id"] == step.body["review"]:
            review["undone_at"] = step.at


def _line(step: Step) -> dict[str, Any]:
    line = {"seq": step.seq, "kind": step.kind, "at": step.at, "key_id": step.key_id, "sha256": step.sha256}
    return line if step.kind in _TOLD else {**line, "body": step.body}
