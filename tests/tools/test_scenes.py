"""The renderer behind the demo photos. What needs Mitsuba is skipped where it is not installed."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from regrade.models.errors import RegradeError
from regrade.serving.examples.items import demo_items
from regrade.serving.rubric.types import example_photos
from tools.scenes import meshes, stage, textures
from tools.scenes.goods import cloth, wear, worn_cloth
from tools.scenes.goods.crack import crack
from tools.scenes.goods.damage import Crush, hole_field
from tools.scenes.render import SCENES, render


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_every_photo_has_its_scene_and_every_scene_its_photos() -> None:
    assert {path.stem.rsplit("-", 1)[0] for path in example_photos().values()} == set(SCENES)
    assert {path.name for one in demo_items() for path in one.photos} <= set(example_photos())


def test_handling_dirties_board_a_little_and_most_at_its_rims() -> None:
    plain = np.full((480, 720, 3), 0.3, dtype=np.float32)
    worn = wear.handled_board(rng(), plain, 24, "b")
    changed = np.abs(worn - plain).mean(axis=-1)
    assert 0.005 < changed.mean() < 0.1
    assert changed[:6].mean() > 3 * changed[240:].mean()
    assert (worn.min() >= 0, worn.max() <= 1) == (True, True)


def test_smudges_and_scratches_are_coverages_that_leave_most_of_the_glass() -> None:
    for cover in (wear.smudges(rng(), (616, 292), 40), wear.scratches(rng(), (616, 292), 40, 24)):
        assert cover.shape == (616, 292)
        assert (cover.min() >= 0, cover.max() <= 1) == (True, True)
        assert 0.001 < cover.mean() < 0.3


def test_fading_pales_cloth_and_most_at_its_rim_and_beside_seams() -> None:
    dyed = np.broadcast_to(textures.linear(62, 92, 74), (400, 400, 3)).astype(np.float32)
    rim = np.broadcast_to(np.linspace(0, 20, 400, dtype=np.float32), (400, 400))
    seam = np.zeros((400, 400), dtype=np.float32)
    seam[200:203] = 1
    gain = worn_cloth.faded(rng(), dyed, rim, np.zeros_like(rim), seam).mean(axis=-1) - dyed.mean(axis=-1)
    assert (gain > 0).mean() > 0.99
    assert gain[:, :10].mean() > 1.3 * gain[:, 100:].mean()
    assert gain[195:208, 100:].max(axis=0).mean() > 1.2 * gain[:150, 100:].mean()


def test_a_washed_print_covers_part_of_the_chest_and_nothing_else() -> None:
    x, y = (f.astype(np.float32) for f in np.meshgrid(np.linspace(-41, 41, 820), np.linspace(-39, 39, 780)))
    dyed = np.full((780, 820, 3), 0.1, dtype=np.float32)
    printed, _ = worn_cloth.cracked_print(rng(), dyed, np.zeros((780, 820), dtype=np.float32), x, y, 10)
    ink = np.abs(printed - dyed).mean(axis=-1) > 0.05
    assert 0.004 < ink.mean() < 0.1
    assert not ink[(y < 2.5) | (y > 15) | (np.abs(x) > 13)].any()


def test_pills_are_small_and_stand_on_the_flanks_rather_than_the_shoulders() -> None:
    x, y = (f.astype(np.float32) for f in np.meshgrid(np.linspace(-41, 41, 820), np.linspace(-39, 39, 780)))
    flat, dyed = np.zeros((780, 820), dtype=np.float32), np.full((780, 820, 3), 0.1, dtype=np.float32)
    colour, bump = worn_cloth.pilled(rng(), dyed, flat, x, y, 10, count=800)
    assert 0 < bump.max() < 0.2
    flank = (np.abs(x) > 14) & (np.abs(x) < 22) & (y < 5)
    assert bump[flank].mean() > 3 * bump[(y > 20) & (np.abs(x) < 20)].mean()
    assert colour.min() >= 0.1 - 1e-6


def test_a_slack_collar_waves_round_and_closes() -> None:
    slack = worn_cloth.Slack.of(rng())
    turn = slack(np.linspace(0, 2 * np.pi, 400, dtype=np.float32))
    assert turn[0] == pytest.approx(turn[-1], abs=1e-5)
    assert 0.02 < np.abs(turn).max() < 0.18


def test_the_service_and_its_commands_never_import_the_renderer() -> None:
    code = (
        "import sys; sys.modules.update(mitsuba=None, drjit=None, pyoidn=None)\n"
        "from regrade.serving.cli.main import build_app; build_app()\n"
        "import regrade.serving.http.app, regrade.serving.demo.command, regrade.serving.examples.items\n"
        "assert not [m for m in sys.modules if m.startswith('tools')]"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_an_unknown_scene_lists_the_known_ones() -> None:
    with pytest.raises(RegradeError, match="carton-torn"):
        next(render("teapot"))


def test_noise_is_normal_and_follows_its_seed() -> None:
    first, again, other = (textures.noise(rng(seed), (120, 90)) for seed in (1, 1, 2))
    assert (first == again).all()
    assert not np.allclose(first, other)
    assert (abs(float(first.mean())) < 1e-5, float(first.std())) == (True, pytest.approx(1, abs=1e-3))


def test_linear_reflectance_is_that_of_srgb() -> None:
    assert textures.linear(0, 128, 255).tolist() == pytest.approx([0, 0.2158605, 1], abs=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_a_hole_is_open_at_its_centre_and_leaves_the_wall_standing(seed: int) -> None:
    field = hole_field(rng(seed), (400, 800), 20, at=(20, 10))
    assert field[200, 400] < 0
    assert 0.02 < (field < 0).mean() < 0.4
    assert (field[:, :20] > 0).all()


@pytest.mark.parametrize("seed", range(4))
def test_a_crush_pushes_the_corner_in_and_leaves_the_far_end(seed: int) -> None:
    crush = Crush.at_corner(rng(seed), 20, -14, 21)
    corner, far = np.array([[20.0, -14.0, 21.0]]), np.array([[-20.0, 14.0, 0.0]])
    assert 2.5 < np.linalg.norm(crush.apply(corner) - corner) < 9
    assert (crush.apply(far) == far).all()


@pytest.mark.parametrize("seed", range(4))
def test_cracks_are_thin_and_densest_at_the_impact(seed: int) -> None:
    web = crack(rng(seed), (616, 292), 40)
    x, y = round(web.impact[0] * 40 + 146), round(web.impact[1] * 40 + 308)
    near = web.lines[max(0, y - 40) : y + 40, max(0, x - 40) : x + 40]
    assert near.mean() > 2 * web.lines.mean()
    assert 0.005 < (web.lines > 0.3).mean() < 0.2
    assert web.crushed[y - 8 : y + 8, x - 8 : x + 8].mean() > 0.15


def test_the_cut_of_a_shirt_is_inside_of_itself() -> None:
    x, y = np.meshgrid(np.linspace(-41, 41, 42), np.linspace(-39, 39, 40))
    depth = cloth.inside_distance(cloth.outline(rng()), x.astype(np.float32), y.astype(np.float32))
    assert depth[20, 21] == pytest.approx(23, abs=2)
    assert depth[0, 0] < 0
    assert depth[-1, 21] < 0  # the collar is open


def test_a_flat_sheet_has_normals_that_point_up() -> None:
    u, v = meshes.plane(np.linspace(0, 1, 5), np.linspace(0, 1, 4))
    assert meshes.normals(np.stack([u, v, 0 * u], -1)).reshape(-1, 3).tolist() == [[0, 0, 1]] * 20


def test_a_sheet_leaves_out_what_is_not_kept() -> None:
    u, v = meshes.plane(np.linspace(0, 1, 3), np.linspace(0, 1, 3))
    keep = np.ones((3, 3), dtype=bool)
    keep[0, 0] = False
    shape = meshes.sheet(np.stack([u, v, 0 * u], -1), {"type": "diffuse"}, keep=keep)
    assert b"element face 6\n" in Path(shape["filename"]).read_bytes()
    with pytest.raises(ValueError, match="grid's shape"):
        meshes.sheet(np.stack([u, v, 0 * u], -1), {"type": "diffuse"}, keep=keep[:2])


def test_developing_a_grey_card_gives_a_grey_photo_with_darker_corners() -> None:
    photo = np.asarray(stage.develop(np.full((300, 400, 3), 2.0, dtype=np.float32), rng())).astype(float)
    middle, corner = photo[140:160, 190:210].mean((0, 1)), photo[:20, :20].mean((0, 1))
    assert 140 < middle.mean() < 215
    assert middle.max() - middle.min() < 20
    assert corner.mean() < middle.mean() - 4


def test_a_saved_photo_keeps_within_its_limit(tmp_path: Path) -> None:
    noisy = Image.fromarray(rng().integers(0, 255, (300, 400, 3), dtype=np.uint8))
    size = stage.save(noisy, tmp_path / "a.jpg", limit=120_000)
    assert size == (tmp_path / "a.jpg").stat().st_size <= 120_000


@pytest.mark.long
def test_a_seed_renders_its_own_photo_again_and_another_seed_another() -> None:
    pytest.importorskip("mitsuba", reason="rendering needs the `render` extra")
    first, again, other = (
        np.asarray(next(render("phone-cracked", seed=seed, width=64, spp=4)), dtype=float) for seed in (3, 3, 4)
    )
    # Not to the last bit: without LLVM, threads draw their samples in an order of their own.
    assert np.abs(first - again).mean() < 0.25 * np.abs(first - other).mean()
