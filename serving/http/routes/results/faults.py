"""What is wrong with the filters, columns or name that somebody gave, in the words that stand beside them on pages."""

from typing import Final

from regrade.serving.base.errors import FieldFault, InvalidFieldsError
from regrade.serving.base.i18n import Message, text

_LABELS: Final = {
    **{name: f"results.{name}" for name in ("since", "until", "updated_since", "updated_until", "by", "target")},
    **{name: f"desk.{name}" for name in ("seller", "station", "category", "condition", "status")},
    **{name: f"results.column_{name}" for name in ("rma", "sku", "disposition")},
    "person": "results.column_decided_by",
    "columns": "results.columns",
    "name": "results.view_name",
    "id": "results.chosen",
}
"""Name of a field → the text of its label."""


def shown_fault(error: InvalidFieldsError, lang: str) -> str:
    """All faults in a sentence, in `lang`."""
    return text("problem.fault_separator", lang).join(_shown(fault, lang).to(lang) for fault in error.faults)


def labels(lang: str) -> dict[str, str]:
    """Name of a filter → its label, in `lang`."""
    return {name: text(key, lang) for name, key in _LABELS.items()}


def _shown(fault: FieldFault, lang: str) -> FieldFault:
    if fault.field == "cursor":  # nobody has typed it
        return FieldFault("", Message("fault.page_place"))
    label = _LABELS.get(fault.field)
    return fault if label is None else FieldFault(text(label, lang), fault.message)
