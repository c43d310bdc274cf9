"""What an import makes of photos: upright, whole, in groups, in splits; all of it or nothing."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageDraw

from regrade.datasets.formats.assemble import Defaults
from regrade.datasets.formats.importing import Imported
from regrade.datasets.manifest import read_manifest
from regrade.models.errors import DatasetError

pytestmark = pytest.mark.slow

Foreign = Callable[..., Path]
ImportAs = Callable[..., Imported]
ORIENTATION = 0x0112


def scene(seed: int) -> Image.Image:
    """A picture of a few large shapes, which survives saving, scaling and turning as a recognisable one."""
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", (320, 240), tuple(int(v) for v in rng.integers(0, 255, 3)))
    draw = ImageDraw.Draw(image)
    for _ in range(12):
        x, y, w, h = (int(v) for v in rng.integers(0, 200, 4))
        draw.rectangle((x, y, x + w + 20, y + h + 20), fill=tuple(int(v) for v in rng.integers(0, 255, 3)))
    return image


def coco(width: int, height: int, box: list[float], name: str = "a.jpg") -> dict[str, Any]:
    return {
        "images": [{"id": 1, "file_name": name, "width": width, "height": height}],
        "categories": [{"id": 1, "name": "tear"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": box}],
    }


def red_inside(photo: Path, box: tuple[float, ...]) -> float:
    """How red the box is, less how red the whole photo is."""
    with Image.open(photo) as image:
        pixels = np.asarray(image.convert("RGB"), dtype=float)
    x1, y1, x2, y2 = (round(v) for v in box)
    inside = pixels[y1:y2, x1:x2]
    return float(inside[..., 0].mean() - inside[..., 1].mean())


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("frame", ["raw", "upright"])
def test_a_photo_that_exif_turns_is_turned_with_its_boxes(
    orientation: int, frame: str, foreign: Foreign, import_as: ImportAs
) -> None:
    turned = frame == "upright" and orientation >= 5
    box: list[float] = [20, 10, 30, 20]
    source = foreign({"annotations.json": coco(*((60, 100) if turned else (100, 60)), box)})
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    image = Image.new("RGB", (100, 60), "white")
    if frame == "raw" and orientation >= 5:
        ImageDraw.Draw(image).rectangle((20, 10, 49, 29), fill="red")
    image.save(source / "a.jpg", exif=exif, quality=95)
    if frame == "upright" or orientation < 5:
        # Paint where the box lies on the upright photo, and turn that back to what the camera stores.
        upright = Image.new("RGB", (60, 100) if orientation >= 5 else (100, 60), "white")
        ImageDraw.Draw(upright).rectangle((20, 10, 49, 29), fill="red")
        back = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}[orientation]
        upright.transpose(Image.Transpose(back)).save(source / "a.jpg", exif=exif, quality=95)
    [record] = import_as("coco", source).records
    assert (record.width, record.height) == ((60, 100) if orientation >= 5 else (100, 60))
    [defect] = record.defects
    assert red_inside(record.file, defect.box) > 240
    with Image.open(record.file) as stored:
        assert stored.getexif().get(ORIENTATION, 1) == 1


def test_a_larger_photo_is_reduced_with_its_boxes(foreign: Foreign, import_as: ImportAs) -> None:
    source = foreign({"a.jpg": (800, 600), "annotations.json": coco(800, 600, [400, 300, 400, 300])})
    [record] = import_as("coco", source, max_side=400).records
    assert (record.width, record.height) == (400, 300)
    assert record.defects[0].box == (200, 150, 400, 300)


@pytest.mark.parametrize("suffix", ["bmp", "tiff"])
def test_other_kinds_of_photo_are_converted_without_loss(suffix: str, foreign: Foreign, import_as: ImportAs) -> None:
    source = foreign({f"used/a.{suffix}": (40, 30)})
    done = import_as("imagefolder", source)
    [record] = done.records
    assert (done.converted, record.file.suffix) == (1, ".png")
    with Image.open(record.file) as stored, Image.open(source / f"used/a.{suffix}") as given:
        assert np.array_equal(np.asarray(stored), np.asarray(given))


@pytest.mark.parametrize(("kind", "suffix"), [("HEIF", "heic"), ("AVIF", "avif")])
def test_what_few_tools_read_is_converted_to_jpeg(kind: str, suffix: str, tmp_path: Path, import_as: ImportAs) -> None:
    pillow_heif.register_heif_opener()
    (tmp_path / "phone" / "used").mkdir(parents=True)
    Image.new("RGB", (120, 90), "brown").save(tmp_path / "phone" / "used" / f"a.{suffix}", kind)
    [record] = import_as("imagefolder", tmp_path / "phone").records
    assert (record.file.suffix, record.width, record.height) == (".jpg", 120, 90)
    with Image.open(record.file) as stored:
        assert stored.format == "JPEG"


def test_a_box_that_a_tool_rounded_past_the_edge_is_cut(foreign: Foreign, import_as: ImportAs) -> None:
    source = foreign({"a.jpg": (100, 60), "annotations.json": coco(100, 60, [-0.4, 10, 100.9, 50.5])})
    [record] = import_as("coco", source).records
    assert record.defects[0].box == (0, 10, 100, 60)


def test_labels_are_renamed_and_a_photo_renamed_to_nothing_is_left_out(foreign: Foreign, import_as: ImportAs) -> None:
    source = foreign({"good/a.png": (40, 30), "Rip It/b.png": (40, 30), "misc/c.png": (40, 30), "odd/d.png": (40, 30)})
    renamed = {"good": "opened", "Rip It": "tear", "misc": "", "odd": "undecided"}
    done = import_as("imagefolder", source, defaults=Defaults("packaging", "carton", "s", "l", renamed))
    assert {r.id: (r.condition, r.defect_codes) for r in done.records} == {
        "a": ("opened", ()),
        "b": (None, ("tear",)),
        "d": (None, ()),
    }
    assert done.emptied == {"misc": 1}


def test_what_else_is_said_keeps_a_photo_of_which_one_label_is_renamed_to_nothing(
    foreign: Foreign, import_as: ImportAs
) -> None:
    table = "file,condition,votes,defect_codes\na.png,,used|junk,logo|tear\nb.png,junk,,tear\nc.png,,junk|junk,\n"
    source = foreign({"t.csv": table, "a.png": (40, 30), "b.png": (40, 30), "c.png": (40, 30)})
    defaults = Defaults("packaging", "carton", "s", "l", {"junk": "", "logo": ""})
    done = import_as("csv", source, defaults=defaults)
    assert [(r.id, r.votes, r.defect_codes) for r in done.records] == [("a", ("used",), ("tear",))]
    assert done.emptied == {"junk": 2}


def test_renaming_everything_to_nothing_is_refused(foreign: Foreign, import_as: ImportAs) -> None:
    with pytest.raises(DatasetError, match="every photo is left out by --rename misc="):
        import_as(
            "imagefolder", foreign({"misc/c.png": (40, 30)}), defaults=Defaults("packaging", renamed={"misc": ""})
        )


def test_all_unknown_labels_are_listed_at_once_with_what_there_is(foreign: Foreign, import_as: ImportAs) -> None:
    source = foreign({"good/a.png": (40, 30), "good/b.png": (40, 30), "fair/c.png": (40, 30), "used/d.png": (40, 30)})
    expected = r"'good' \(2×\), 'fair' \(1×\)\. Names of packaging are conditions: unopened.*--rename 'LABEL=NAME'"
    with pytest.raises(DatasetError, match=expected):
        import_as("imagefolder", source)


def test_all_photos_with_two_labels_are_listed_at_once(foreign: Foreign, import_as: ImportAs, tmp_path: Path) -> None:
    names = ("used/a.png", "used/b.png", "opened/x.png", "opened/y.png")
    source = foreign(dict(zip(names, [(40, 30), (50, 30)] * 2, strict=True)))
    for one, other in zip(names[:2], names[2:], strict=True):
        (source / other).write_bytes((source / one).read_bytes())
    with pytest.raises(DatasetError, match=r"2 photos have two labels; nothing was written\.(.|\n)*a\.png.*\n.*b\.png"):
        import_as("imagefolder", source)


def test_capitals_and_blanks_of_a_label_do_not_matter(foreign: Foreign, import_as: ImportAs) -> None:
    done = import_as("imagefolder", foreign({"Used/a.png": (40, 30), "undecided/b.png": (40, 30)}))
    assert [r.condition for r in done.records] == ["used", None]


def test_names_that_are_not_alone_get_their_folders(foreign: Foreign, import_as: ImportAs) -> None:
    done = import_as("imagefolder", foreign({"used/1.png": (40, 30), "opened/1.png": (40, 30), "used/2.png": (40, 30)}))
    assert {r.id for r in done.records} == {"used-1", "opened-1", "2"}


def test_accents_are_found_however_they_are_written(foreign: Foreign, import_as: ImportAs) -> None:
    source = foreign({"photo-e\u0301.jpg": (40, 30), "annotations.json": coco(40, 30, [1, 2, 3, 4], "photo-é.jpg")})
    assert len(import_as("coco", source).records) == 1


def test_a_class_named_like_a_condition_is_the_condition(foreign: Foreign, import_as: ImportAs) -> None:
    yaml = "names: {0: opened, 1: damaged, 2: tear}\ntrain: ../train/images\nval: ../valid/images\n"
    labels = "0 .5 .5 1 1\n1 .5 .5 .5 .5\n2 .1 .1 .3 .1 .3 .3\n"
    source = foreign(
        {
            "data.yaml": yaml,
            "train/images/a.png": (40, 30),
            "train/labels/a.txt": labels,
            "valid/images/b.png": (40, 30),
        }
    )
    a, b = import_as("yolo", source).records
    assert (a.condition, a.split, [d.box for d in a.defects]) == ("damaged", "train", [(4, 3, 12, 9)])
    assert (b.condition, b.split, b.defects) == (None, "val", ())


def test_labellers_of_label_studio_vote(foreign: Foreign, import_as: ImportAs) -> None:
    def says(*choices: str, **more: Any) -> dict[str, Any]:
        return {"result": [{"type": "choices", "value": {"choices": list(choices)}}], **more}

    cancelled = says("unopened", was_cancelled=True)
    task = {
        "data": {"image": "/data/upload/3/1f2e3d4c-a.png", "split": "test"},
        "annotations": [says("used", "tear"), cancelled, says("damaged", "hole", "tear"), says("damaged")],
    }
    [record] = import_as("label-studio", foreign({"a.png": (40, 30), "x.json": [task]})).records
    assert (record.votes, record.condition) == (("used", "damaged", "damaged"), "damaged")
    assert (record.defect_codes, record.split) == (("tear", "hole"), "test")


def test_a_table_from_a_spreadsheet_is_read(foreign: Foreign, import_as: ImportAs) -> None:
    table = "\ufefffile;condition;label;x1;y1;x2;y2\r\na.png;used;stain;1;2;3;4\r\n\r\na.png;;scuff;;;;\r\n"
    [record] = import_as("csv", foreign({"a.png": (40, 30), "t.csv": table})).records
    assert (record.condition, record.defect_codes) == ("used", ("scuff",))
    assert [(d.type, d.severity) for d in record.defects] == [("stain", "minor")]


@pytest.mark.parametrize("folder", ["valid", "val", "Validation"])
def test_roboflows_coco_folders_are_splits(folder: str, foreign: Foreign, import_as: ImportAs) -> None:
    files = {f"{folder}/_annotations.coco.json": coco(40, 30, [1, 2, 3, 4]), f"{folder}/a.jpg": (40, 30)}
    [record] = import_as("coco", foreign(files)).records
    assert record.split == "val"


def test_copies_that_roboflow_made_of_a_photo_stay_together(foreign: Foreign, import_as: ImportAs) -> None:
    files = {f"used/{name}_jpg.rf.{k}a1b.png": (40, 30) for name in "ab" for k in range(3)}
    assert Counter(r.group for r in import_as("imagefolder", foreign(files)).records) == {"a": 3, "b": 3}


@pytest.mark.parametrize(
    ("group_by", "groups"),
    [
        (None, {"x": 2, "shoe-3_1": 1}),
        ("prefix", {"shoe-1": 1, "shoe-2": 1, "shoe-3": 1}),
        ("near-duplicates", {"shoe-1_1": 1, "shoe-2_1": 1, "shoe-3_1": 1}),
    ],
)
def test_groups_are_made_as_asked(
    group_by: str | None, groups: dict[str, int], foreign: Foreign, import_as: ImportAs
) -> None:
    files: dict[str, Any] = {f"shoe-{k}_1.png": (40, 30) for k in (1, 2, 3)}
    files["t.csv"] = "file,group\nshoe-1_1.png,x\nshoe-2_1.png,x\nshoe-3_1.png,\n"
    done = import_as("csv", foreign(files), group_by=group_by)
    assert Counter(r.group for r in done.records) == groups


def test_a_group_that_is_demanded_and_missing_is_refused(foreign: Foreign, import_as: ImportAs) -> None:
    with pytest.raises(DatasetError, match="states no group"):
        import_as("imagefolder", foreign({"used/a.png": (40, 30)}), group_by="column")


def test_a_copy_in_the_test_split_joins_its_like_in_training(foreign: Foreign, import_as: ImportAs) -> None:
    source = foreign({"train/used/x.png": (40, 30), "test/used/x.png": (40, 30)})
    scene(1).save(source / "train/used/a.jpg")
    scene(1).resize((160, 120)).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(source / "test/used/b.jpg", quality=60)
    scene(2).save(source / "test/used/c.jpg")
    done = import_as("imagefolder", source)
    by_id = {r.id: (r.group, r.split) for r in done.records}
    assert (done.joined, done.moved) == (1, 1)
    assert by_id["a"] == by_id["b"] == ("a", "train")
    assert by_id["c"] == ("c", "test")


def test_the_very_file_comes_in_once(foreign: Foreign, import_as: ImportAs) -> None:
    source = foreign({"used/a.png": (40, 30)})
    (source / "used" / "b.png").write_bytes((source / "used" / "a.png").read_bytes())
    done = import_as("imagefolder", source)
    assert (done.left_out, [r.id for r in done.records]) == (1, ["a"])


def test_the_split_is_made_anew_when_asked_for(foreign: Foreign, import_as: ImportAs) -> None:
    source = foreign({f"test/{c}/{c}{k}.png": (40, 30) for c in ("used", "opened") for k in range(20)})
    records = import_as("imagefolder", source, shares=(0.5, 0.25, 0.25)).records
    counts = Counter((r.split, r.condition) for r in records)
    assert set(counts.values()) == {5, 10}
    assert counts["train", "used"] == counts["train", "opened"] == 10


def test_a_split_stated_of_some_photos_only_is_refused(foreign: Foreign, import_as: ImportAs) -> None:
    source = foreign({"test/used/a.png": (40, 30), "used/b.png": (40, 30)})
    with pytest.raises(DatasetError, match="states no split while others do"):
        import_as("imagefolder", source)


def test_a_folder_with_something_in_it_is_not_written_to(foreign: Foreign, import_as: ImportAs, tmp_path: Path) -> None:
    (tmp_path / "imported").mkdir()
    (tmp_path / "imported" / "mine.txt").write_text("mine")
    with pytest.raises(DatasetError, match="exists already"):
        import_as("imagefolder", foreign({"used/a.png": (40, 30)}))
    assert [p.name for p in (tmp_path / "imported").iterdir()] == ["mine.txt"]


def test_a_killed_import_leaves_no_dataset_and_does_not_hinder_the_next(
    foreign: Foreign, import_as: ImportAs, tmp_path: Path
) -> None:
    source = foreign({f"used/{k}.png": (200, 200) for k in range(120)})
    options = ["--category", "packaging", "--item-type", "carton", "--source", "s", "--licence", "l"]
    words = ["data", "import", "imagefolder", str(source), "--out", str(tmp_path / "imported"), *options]
    command = [sys.executable, "-c", "from regrade.serving.cli.main import main; main()", *words]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob(".imported.*.partial/images/*")) and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (tmp_path / "imported").exists()
    assert len(import_as("imagefolder", source).records) == len(read_manifest(tmp_path / "imported")) == 120
