"""store_item: 500 daily series of five years, the last 28 days and rolling origins before them, all models in one run.

The seasonal naive of the week (WAPE 0.289) and of the year (0.169) are to be reproduced on the last 28 days; mlforecast
with LightGBM (0.1213) is run beside ours and our own LightGBM. Ours is the mean of two nets of the base MLP that differ
in their seed (--members 1 for one). To beat: the best peer, on the last 28 days and over all origins.

    make bench NAME=store_item          ARGS="--origins 5" for more of them, --arima for ARIMA on every tenth series
"""

from __future__ import annotations

import argparse
import tempfile
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from forecasting.common import data_file, last_line, our_workload

from invplat.data.assemble import build_panel
from invplat.data.dataset import Dataset
from invplat.data.frames import to_frame
from invplat.data.ingest import ingest
from invplat.data.mapping import load_mapping
from invplat.data.panel import Panel
from invplat.data.sources.locate import locate
from invplat.data.split import Origin, rolling_origins
from invplat.evaluate.backtest import Backtest, Forecast, Forecaster, backtest
from invplat.evaluate.learned import Learned
from invplat.evaluate.references import reference
from invplat.evaluate.statistical import Statistical
from invplat.storage import FolderStorage

HORIZON = 28
PARAMS = {"learning_rate": 2e-3, "batch_size": 512}
PUBLISHED = {"seasonal_naive": 0.289, "seasonal_naive_year": 0.169, "mlforecast": 0.1213}
NAIVE = ("seasonal_naive", "seasonal_naive_year")


@dataclass
class Mlforecast:
    """Nixtla's recursive one-step LightGBM with lags of weeks and of the year, on three years of history."""

    name: str = "mlforecast"
    threads: int = 1
    _model: Any = field(default=None, repr=False)

    def fit(self, panels: Sequence[Panel], origin: Origin) -> None:
        from lightgbm import LGBMRegressor
        from mlforecast import MLForecast
        from mlforecast.lag_transforms import RollingMean, SeasonalRollingMean
        from mlforecast.target_transforms import LocalStandardScaler

        frame = to_frame(panels, "pandas")
        frame = frame[frame["ds"] > frame["ds"].max() - np.timedelta64(3 * 365, "D")]
        booster = LGBMRegressor(n_estimators=400, learning_rate=0.05, num_leaves=31, n_jobs=self.threads, verbose=-1)
        self._model = MLForecast(
            models={"said": booster},
            freq="D",
            lags=[7, 14, 21, 28, 364],
            lag_transforms={
                1: [RollingMean(7), RollingMean(28)],
                7: [SeasonalRollingMean(7, 4)],
                364: [RollingMean(7), RollingMean(28)],
            },
            date_features=["dayofweek", "month", "dayofyear"],
            target_transforms=[LocalStandardScaler()],
        )
        self._model.fit(frame, static_features=[])

    def predict(self, panels: Sequence[Panel], origin: Origin, horizon: int) -> list[Forecast]:
        from invplat.data.frames import unique_id

        said = self._model.predict(horizon)
        by_series = {name: part["said"].to_numpy() for name, part in said.groupby("unique_id")}
        return [
            Forecast(np.maximum(np.stack([by_series[unique_id(panel.store, sku)] for sku in panel.skus]), 0))
            for panel in panels
        ]


def read_panels(folder: Path) -> list[Panel]:
    """Through the same door as a business's own file: ingest, then a panel a store."""
    storage = FolderStorage(folder)
    path = str(data_file("store_item_demand/train.parquet"))
    ingest(storage, "bench", load_mapping("store_item"), [(source, None) for source in locate([path])])
    dataset = Dataset.open(storage, "bench")
    return [build_panel(dataset, store) for store in dataset.stores]


def contenders(threads: int, arima: bool) -> list[Forecaster]:
    peers: list[Forecaster] = [reference(name, "daily") for name in (*NAIVE, "moving_average", "ridge")]
    peers += [
        Learned("lightgbm", rows=200_000, grid={"num_leaves": (63,)}, threads=threads),
        Mlforecast(threads=threads),
        Statistical("ets", 7, last=365, form="ZNZ"),
    ]
    return [*peers, Statistical("arima", 7, last=365)] if arima else peers


def thinned(panel: Panel, every: int) -> Panel:
    from invplat.evaluate.known import some_series

    return panel if every == 1 else some_series(panel, np.arange(0, len(panel.skus), every))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--origins", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2, help="of the peers; a small net takes one")
    parser.add_argument("--arima", action="store_true", help="add ARIMA, on every tenth series only")
    parser.add_argument("--epochs", type=int, default=12, help="at most; how many is chosen at the first origin")
    parser.add_argument("--members", type=int, default=2, help="nets whose mean is ours")
    parser.add_argument("--every", type=int, default=1, help="look at every so many series only, to try things")
    given = parser.parse_args()
    began = time.perf_counter()
    warnings.filterwarnings("ignore", category=FutureWarning)
    with tempfile.TemporaryDirectory() as folder:
        panels = read_panels(Path(folder))
    if given.arima:
        given.every *= 10
    panels = [thinned(panel, given.every) for panel in panels]
    models = contenders(given.threads, given.arima)
    workload = our_workload()
    if workload is not None:
        from forecasting.neural import Neural

        from invplat.workload import Spec

        spec = Spec(past=56, horizon=HORIZON)
        models.append(Neural(workload, spec, PARAMS, epochs=given.epochs, members=given.members))
    origins = rolling_origins(panels, horizon=HORIZON, count=given.origins)
    found = backtest(models, panels, origins, HORIZON, season=7, told=lambda line: print(f"  {line}", flush=True))
    report(found, origins, workload.name if workload else None, time.perf_counter() - began)


def report(found: Backtest, origins: Sequence[Origin], our_name: str | None, seconds: float) -> None:
    last = origins[-1].cutoff
    overall = {str(record["forecaster"]): record for record in found.table(["wape", "rmse", "bias", "mase", "rmsse"])}
    final: dict[str, Any] = {
        str(record["forecaster"]): record["wape"] for record in found.by("cutoff", ["wape"]) if record["cutoff"] == last
    }
    print(f"WAPE of {len(origins)} origins, {origins[0].cutoff} to {last}, {HORIZON} days each; {seconds:.0f} s in all")
    print(f"  {'model':22}{'last 28 days':>13}{'all origins':>13}{'RMSE':>8}{'bias':>8}{'MASE':>7}{'seconds':>9}")
    for name, record in sorted(overall.items(), key=lambda item: final[item[0]]):
        print(
            f"  {name:22}{final[name]:13.4f}{record['wape']:13.4f}{record['rmse']:8.2f}{record['bias']:8.2f}"
            f"{record['mase']:7.3f}{found.seconds[name]:9.1f}"
        )
    figures = {name: {"last": final[name], "all": overall[name]["wape"]} for name in overall}
    peers = {name: figure for name, figure in figures.items() if name != our_name}
    target = {part: min(figure[part] for figure in peers.values()) for part in ("last", "all")}
    ours = figures.get(our_name) if our_name else None
    last_line(
        "store_item",
        ours=ours or "missing: no workload mlp is installed",
        peers=peers,
        target=target,
        met=ours is not None and all(ours[part] <= target[part] for part in target),
        reproduced={name: {"ours": final[name], "published": figure} for name, figure in PUBLISHED.items()},
    )


if __name__ == "__main__":
    main()
