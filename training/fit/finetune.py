"""Fine-tune the shared backbone on pictures with drawn damage: where is which defect, and what kind of item is it.

The frozen stages stay as ImageNet left them, so that they run once for all epochs. What is learned with
the conditions that labellers gave (`labels`) is learned from soft votes; a photo nobody graded teaches places and
kinds only.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from regrade.datasets.manifest import Record
from regrade.models.arch.efficientnet_lite import pretrained_weights_path
from regrade.models.arch.grading_backbone import FROZEN_STAGES, GradingBackbone, peaks, trained_parameters
from regrade.training.data.pictures import LOCAL_TYPES, UNKNOWN, Corpus
from regrade.training.data.targets import soft_targets
from regrade.training.export.backbone import export_fp32
from regrade.training.run.progress import bar

_EMBED_BATCH = 16
RARE_WEIGHT = 4.0
"""Weight of a cell that shows a defect against one that does not."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast: AdamW, one cycle of cosine decay after a short warm-up; the first `frozen` stages stay."""

    epochs: int = 6
    batch: int = 32
    rate_old: float = 1.5e-4
    rate_new: float = 1.5e-3
    decay: float = 0.02
    seed: int = 0
    frozen: int = FROZEN_STAGES


@dataclass(frozen=True, slots=True)
class Pictures:
    """All pictures as the frozen stages see them: `trunk` float16 (n, 112, 20, 20), or what fewer of them give; `grids`
    uint8 (n, types, 20, 20), `rows` (n,) of their records, `damaged` bool (n,): whether damage was drawn, `draws` (n,):
    of which set each is, from 0."""

    trunk: Tensor
    grids: Tensor
    rows: NDArray[np.intp]
    damaged: NDArray[np.bool_]
    draws: NDArray[np.intp]

    def of_epoch(self, epoch: int) -> NDArray[np.intp]:
        """Those of the set whose turn it is in `epoch`: what is drawn afresh cannot be learned by heart."""
        return np.flatnonzero(self.draws == epoch % (int(self.draws.max(initial=0)) + 1))

    def where(self, wanted: NDArray[np.bool_]) -> "Pictures":
        """Those of the records for which `wanted` (records,) is True."""
        chosen = np.flatnonzero(wanted[self.rows])
        return Pictures(
            self.trunk[chosen], self.grids[chosen], self.rows[chosen], self.damaged[chosen], self.draws[chosen]
        )


def embed(corpus: Corpus, trunk: "Trunk") -> Pictures:
    """Run the frozen stages over the corpus once."""
    trunks, grids, rows, damaged, draws = [], [], [], [], []
    pixels: list[NDArray[np.uint8]] = []

    def flush() -> None:
        if pixels:
            trunks.append(trunk(np.stack(pixels)))
            pixels.clear()

    with bar() as progress:
        task = progress.add_task("frozen stages", total=None)
        for picture in corpus:
            pixels.append(picture.rgb)
            grids.append(picture.grid)
            rows.append(picture.row)
            damaged.append(picture.kind == "damaged")
            draws.append(picture.draw)
            if len(pixels) == _EMBED_BATCH:
                flush()
            progress.advance(task)
        flush()
    return Pictures(
        torch.cat(trunks), torch.from_numpy(np.stack(grids)), np.array(rows), np.array(damaged), np.array(draws)
    )


class Trunk:
    """The first `frozen` stages, uint8 (n, side, side, 3) → float16, (n, 112, side/16, side/16) for five of them.

    On a CPU they run in ONNX Runtime, which takes a third of the time that PyTorch does there.
    """

    def __init__(self, side: int, device: torch.device, frozen: int = FROZEN_STAGES) -> None:
        self._device = device
        self._session: ort.InferenceSession | None = None
        if device.type == "cpu":
            self._session = ort.InferenceSession(_trunk_file(side, frozen), providers=["CPUExecutionProvider"])
        else:
            self._net = as_imagenet_left_it(frozen).to(device)

    def __call__(self, pixels: NDArray[np.uint8]) -> Tensor:
        if self._session is not None:
            (out,) = self._session.run(["trunk"], {"pixels": pixels})
            return torch.from_numpy(np.asarray(out)).half()
        with torch.inference_mode():
            return self._net.trunk(torch.from_numpy(pixels).to(self._device)).half().cpu()


def as_imagenet_left_it(frozen: int = FROZEN_STAGES) -> GradingBackbone:
    """The backbone before any training."""
    return GradingBackbone(LOCAL_TYPES, pretrained_weights_path(), frozen).eval()


@cache
def _trunk_file(side: int, frozen: int) -> bytes:
    """The frozen stages as an ONNX file. No run changes them, so a process that does several exports them once."""
    return export_fp32(_TrunkOnly(as_imagenet_left_it(frozen)), side, ("trunk",))


class _TrunkOnly(nn.Module):
    def __init__(self, backbone: GradingBackbone) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, pixels: Tensor) -> Tensor:
        return self.backbone.trunk(pixels)


class _Net(nn.Module):
    def __init__(self, backbone: GradingBackbone, kinds: int, conditions: Mapping[str, int]) -> None:
        super().__init__()
        self.backbone = backbone
        self.kind = nn.Linear(backbone.width, kinds)
        self.condition = nn.ModuleDict({name: nn.Linear(backbone.width, k) for name, k in conditions.items()})


def fine_tune(
    pictures: Pictures,
    records: Sequence[Record],
    classes: Mapping[str, tuple[str, ...]],
    schedule: Schedule,
    *,
    labels: bool,
    device: torch.device,
    checkpoint: Path,
    log: logging.Logger,
    on_epoch: Callable[[GradingBackbone, int], None] | None = None,
) -> GradingBackbone:
    """Train the upper stages; goes on from `checkpoint` where there is one, which each epoch writes anew.

    `classes` maps a category to its conditions. Raises FloatingPointError if the loss is no longer a number.
    """
    torch.manual_seed(schedule.seed)
    kinds = sorted({(r.category, r.item_type) for r in records})
    net = _Net(as_imagenet_left_it(schedule.frozen), len(kinds), {c: len(k) for c, k in classes.items()})
    # Channels last takes a CPU a quarter less time where five stages are frozen.
    net.to(device).to(memory_format=torch.channels_last)
    old, new = trained_parameters(net.backbone)
    for p in net.backbone.parameters():
        p.requires_grad_(False)
    for p in (*old, *new):
        p.requires_grad_(True)
    heads = [*net.kind.parameters(), *net.condition.parameters()]
    optimizer = torch.optim.AdamW(
        [{"params": old, "lr": schedule.rate_old}, {"params": [*new, *heads], "lr": schedule.rate_new}],
        weight_decay=schedule.decay,
    )
    steps = sum(-(-len(pictures.of_epoch(e)) // schedule.batch) for e in range(schedule.epochs))
    rates = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, [schedule.rate_old, schedule.rate_new], total_steps=steps, pct_start=0.1
    )
    targets = _Targets.of(records, classes, kinds, labels)
    first = _resume(checkpoint, net, optimizer, rates)
    for epoch in range(first, schedule.epochs):
        mean = _epoch(net, pictures, targets, optimizer, rates, schedule, epoch, device)
        log.info("epoch %d of %d: %s", epoch + 1, schedule.epochs, ", ".join(f"{k} {v:.4f}" for k, v in mean.items()))
        _save(checkpoint, net, optimizer, rates, epoch + 1)
        if on_epoch is not None:
            on_epoch(net.backbone.eval(), epoch + 1)
    return net.backbone.eval()


@dataclass(frozen=True, slots=True)
class _Targets:
    """What is known of each record: `kind` (n,), and soft conditions by category with the rows that have them."""

    kind: Tensor
    condition: Mapping[str, Tensor]
    category: NDArray[np.str_]
    graded: NDArray[np.bool_]

    @classmethod
    def of(
        cls,
        records: Sequence[Record],
        classes: Mapping[str, tuple[str, ...]],
        kinds: Sequence[tuple[str, str]],
        labels: bool,
    ) -> "_Targets":
        graded = np.array([labels and r.gradable and r.split != "test" for r in records])
        soft: dict[str, Tensor] = {}
        for name, names in classes.items():
            table = np.zeros((len(records), len(names)), dtype=np.float32)
            rows = [i for i, r in enumerate(records) if r.category == name and graded[i]]
            if rows:
                table[rows] = soft_targets([records[i] for i in rows], names)
            soft[name] = torch.from_numpy(table)
        kind = torch.tensor([kinds.index((r.category, r.item_type)) for r in records])
        return cls(kind, soft, np.array([r.category for r in records]), graded)


def _epoch(
    net: _Net,
    pictures: Pictures,
    targets: _Targets,
    optimizer: torch.optim.Optimizer,
    rates: Any,
    schedule: Schedule,
    epoch: int,
    device: torch.device,
) -> dict[str, float]:
    net.train()
    # The running statistics of ImageNet stay: a batch of 32 drawn pictures would estimate worse ones.
    net.backbone.net.eval()
    rng = np.random.default_rng((schedule.seed, epoch))
    order = rng.permutation(pictures.of_epoch(epoch))
    totals: dict[str, float] = {}
    batches = np.array_split(order, -(-len(order) // schedule.batch))
    with bar() as progress:
        for batch in progress.track(batches, description=f"epoch {epoch + 1}"):
            x = pictures.trunk[batch].float().to(device, memory_format=torch.channels_last)
            grid = pictures.grids[batch].to(device)
            if rng.random() < 0.5:
                x, grid = x.flip(3), grid.flip(3)
            losses = _losses(net, x, grid, pictures.rows[batch], pictures.damaged[batch], targets, device)
            loss = torch.stack(list(losses.values())).sum()
            if not torch.isfinite(loss):
                raise FloatingPointError("the loss is no longer finite; lower the learning rate")
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(net.parameters(), 2.0)
            optimizer.step()
            rates.step()
            for name, value in losses.items():
                totals[name] = totals.get(name, 0.0) + float(value.detach()) / len(batches)
    return totals


def _losses(
    net: _Net,
    x: Tensor,
    grid: Tensor,
    rows: NDArray[np.intp],
    damaged: NDArray[np.bool_],
    targets: _Targets,
    device: torch.device,
) -> dict[str, Tensor]:
    features, maps = net.backbone.upper(x)
    known = grid != UNKNOWN
    truth = (grid == 1).float()
    weight = known * (1.0 + (RARE_WEIGHT - 1.0) * truth)
    cells = nn.functional.binary_cross_entropy_with_logits(maps, truth, weight, reduction="sum") / known.sum().clamp(1)
    # A photo is known to show a type if any place does, and known not to if every place is known not to.
    present, settled = (grid == 1).flatten(2).any(2), known.flatten(2).all(2)
    sure = (present | settled).float()
    photo = nn.functional.binary_cross_entropy_with_logits(peaks(maps), present.float(), sure, reduction="sum")
    out = {"cells": 20.0 * cells, "photo": photo / sure.sum().clamp(1) * 3.0}
    kind = net.kind(features)
    out["kind"] = 0.2 * nn.functional.cross_entropy(kind, targets.kind[rows].to(device))
    usable = targets.graded[rows] & ~damaged
    for name, head in net.condition.items():
        mine = np.flatnonzero(usable & (targets.category[rows] == name))
        if len(mine):
            soft = targets.condition[name][rows[mine]].to(device)
            logits = torch.log_softmax(head(features[mine]), dim=1)
            out["condition"] = out.get("condition", torch.zeros((), device=device)) - 0.5 * (
                (soft * logits).sum() / len(rows)
            )
    return out


def _save(path: Path, net: nn.Module, optimizer: Any, rates: Any, epoch: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    state = {"net": net.state_dict(), "optimizer": optimizer.state_dict(), "rates": rates.state_dict(), "epoch": epoch}
    torch.save(state, partial)
    partial.replace(path)


def _resume(path: Path, net: nn.Module, optimizer: Any, rates: Any) -> int:
    if not path.exists():
        return 0
    state = torch.load(path, map_location="cpu", weights_only=True)
    net.load_state_dict(state["net"])
    optimizer.load_state_dict(state["optimizer"])
    rates.load_state_dict(state["rates"])
    return int(state["epoch"])


def backbone_of(checkpoint: Path, frozen: int = FROZEN_STAGES) -> GradingBackbone:
    """The trained backbone in a checkpoint of `fine_tune`, whose first `frozen` stages stayed."""
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)["net"]
    prefix = "backbone."
    net = GradingBackbone(LOCAL_TYPES, frozen=frozen)
    net.load_state_dict({k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)})
    return net.eval()
