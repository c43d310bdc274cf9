"""docs/settings.md: every setting with its variable, option, default, unit, and what is refused."""

import inspect
from collections.abc import Iterator, Sequence
from typing import Any, Final, Literal, get_args, get_origin

import annotated_types as bounds
from pydantic.fields import FieldInfo

from regrade.serving.base.settings import Settings, Unit
from regrade.serving.cli.serve import serve

HEAD: Final = """# Settings

Written by `make docs` from `serving/base/settings.py`; change it there.

A value comes from the option of `regrade serve`, else from the variable in the environment, else from the variable in a
file `.env` in the working directory, else it is the default. What is refused ends the start with a line that says why.
Settings hold for one process. A dash under *unit* means a plain number or text.

| setting | variable | option | default | unit | what it does | refused |
|---|---|---|---|---|---|---|
"""


def page() -> str:
    """The whole page in Markdown."""
    rows = "\n".join(_row(name, field) for name, field in Settings.model_fields.items())
    return f"{HEAD}{rows}\n\n## Refused together\n\n{_together()}\n"


def _row(name: str, field: FieldInfo) -> str:
    metadata = list(_metadata(field))
    unit = next((str(one) for one in metadata if isinstance(one, Unit)), "–")
    cells = (f"`{name}`", f"`REGRADE_{name.upper()}`", _option(name), _default(field.default), unit)
    return f"| {' | '.join((*cells, field.description or '', _refused(name, field, metadata)))} |"


def _option(name: str) -> str:
    """The option of `regrade serve` that sets it; `--policy` names a `policy_file`."""
    options = inspect.signature(serve).parameters
    known = next((option for option in (name, name.removesuffix("_file")) if option in options), None)
    return f"`--{known.replace('_', '-')}`" if known else "–"


def _default(value: object) -> str:
    return "–" if value in (None, "") else f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def _metadata(field: FieldInfo) -> Iterator[Any]:
    """Bounds and unit, also those within `X | None`."""
    yield from field.metadata
    for part in get_args(field.annotation):
        yield from getattr(part, "__metadata__", ())


def _refused(name: str, field: FieldInfo, metadata: Sequence[Any]) -> str:
    """In words: values out of bounds, then what the validators of this field say of themselves."""
    said = [*_bounds(metadata), *_choices(field), *_validators(name)]
    return "; ".join(said) or "–"


def _bounds(metadata: Sequence[Any]) -> Iterator[str]:
    for one in metadata:
        match one:
            case bounds.Ge(ge=least):
                yield f"below {least}"
            case bounds.Gt(gt=least):
                yield f"{least} and below"
            case bounds.Le(le=most):
                yield f"above {most}"
            case bounds.Lt(lt=most):
                yield f"{most} and above"


def _choices(field: FieldInfo) -> Iterator[str]:
    if get_origin(field.annotation) is Literal:
        yield "all but " + ", ".join(f"`{choice}`" for choice in get_args(field.annotation))


def _validators(name: str) -> Iterator[str]:
    for validator in Settings.__pydantic_decorators__.field_validators.values():
        if name in validator.info.fields:
            yield _said(validator.func)


def _together() -> str:
    """What the validators of several settings say of themselves, a line each."""
    lines = [_said(one.func) for one in Settings.__pydantic_decorators__.model_validators.values()]
    return "\n".join(f"- {line.strip()}" for text in lines for line in text.split(";"))


def _said(validator: Any) -> str:
    """The docstring of a validator, which begins with 'Refuse'."""
    text = inspect.getdoc(getattr(validator, "__func__", validator)) or ""
    return " ".join(text.split()).removeprefix("Refuse ").rstrip(".")
