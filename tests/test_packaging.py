"""What is on disk is what the wheel holds, and what the base install needs is what serving imports."""

import tomllib
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
CONFIG = tomllib.loads((PROJECT / "pyproject.toml").read_text())
ROOMS = CONFIG["tool"]["setuptools"]["package-dir"]


def test_every_folder_with_code_is_a_listed_package() -> None:
    found = set()
    for package, folder in ROOMS.items():
        for file in (PROJECT / folder).rglob("*.py"):
            parts = file.relative_to(PROJECT / folder).parts[:-1]
            found.add(".".join([package, *parts]))
    assert found == set(CONFIG["tool"]["setuptools"]["packages"])


def test_models_and_datasets_have_no_init_that_could_shadow_another_package() -> None:
    assert not (PROJECT / "models" / "__init__.py").exists()
    assert not (PROJECT / "datasets" / "__init__.py").exists()


def test_the_base_install_names_no_training_library() -> None:
    names = " ".join(CONFIG["project"]["dependencies"])
    assert not any(word in names for word in ("torch", "timm", "scikit", "ultralytics", "albumentations", "opencv"))


def test_every_dependency_is_pinned_by_the_constraints() -> None:
    lines = (PROJECT / "constraints.txt").read_text().splitlines()
    names = (line.split("==")[0].lower() for line in lines if "==" in line)
    pinned = {name.replace("_", "-") for name in names}
    extras = [d for group in CONFIG["project"]["optional-dependencies"].values() for d in group]
    for requirement in [*CONFIG["project"]["dependencies"], *extras]:
        name = requirement.split(";")[0].strip()
        for stop in "=<>~[ ":
            name = name.split(stop)[0]
        assert name.lower().replace("_", "-") in pinned, f"add {name} to constraints.txt: make constraints"


def test_the_runtime_of_models_needs_only_numpy_pillow_and_onnxruntime() -> None:
    heavy = ("torch", "timm", "sklearn", "scipy", "pydantic", "yaml")
    for file in (PROJECT / "models").glob("*.py"):
        text = file.read_text()
        assert not any(f"import {name}" in text or f"from {name}" in text for name in heavy), file


def test_one_module_alone_imports_ultralytics() -> None:
    """Its licence, AGPL-3.0, is that of whoever runs it; the rest of the code stays free of it."""
    users = set()
    for room in ROOMS.values():
        for file in (PROJECT / room).rglob("*.py"):
            lines = (line.split() for line in file.read_text().splitlines())
            imported = (w[1].split(".")[0] for w in lines if len(w) > 1 and w[0] in ("from", "import"))
            if "ultralytics" in imported:
                users.add(file.relative_to(PROJECT).as_posix())
    assert users == {"training/fit/detector.py"}


def test_the_one_opencv_on_disk_needs_no_screen() -> None:
    from importlib.metadata import distributions

    names = {d.metadata["Name"].lower() for d in distributions()}
    assert {n for n in names if n.startswith("opencv-")} == {"opencv-python-headless"}, "run: make install-dev"
    import cv2

    assert cv2.__version__


@pytest.mark.parametrize("package", sorted(ROOMS))
def test_every_room_tells_type_checkers_that_it_is_typed(package: str) -> None:
    """PEP 561: without the file in the wheel, who imports a room gets none of its types."""
    assert (PROJECT / ROOMS[package] / "py.typed").is_file()
    assert "py.typed" in CONFIG["tool"]["setuptools"]["package-data"][package]
