"""What the usual Python tools take for the same work, to be run beside the benches on the same machine.

    pip install numpy pandas lightgbm "jax[cpu]" optax
    python benches/peers/peers.py            all; or name some of: mlp lightgbm pandas

mlp: JAX and optax, 179-256-128-3, batch 1,024, AdamW, weighted and smoothed cross-entropy, 200,000 shuffled rows.
lightgbm: 100 rounds of three classes, 31 leaves, the same rows; binning apart.
pandas: 24 of the 179 features (returns, means, deviations, exponential means, RSI, ATR, ranks) of 80 symbols x 2,520 days.
Each figure is the median of the runs after the first, with minimum and maximum.
"""

import statistics
import sys
import time

import numpy as np

ROWS, WIDTH, BATCH = 200_000, 179, 1024
RNG = np.random.default_rng(7)


def told(name, seconds, unit="s"):
    """One line: median (minimum to maximum)."""
    print(f"{name:<44} {statistics.median(seconds):8.3f} {unit} ({min(seconds):.3f} to {max(seconds):.3f})", flush=True)


def rows():
    """Rows of noise whose class follows from the first column."""
    x = RNG.standard_normal((ROWS, WIDTH), dtype=np.float32)
    return x, np.digitize(x[:, 0], [-0.4, 0.4]).astype(np.int32), np.ones(ROWS, dtype=np.float32)


def mlp(runs=6):
    """Seconds of an epoch."""
    import jax
    import jax.numpy as jnp
    import optax

    x, y, w = map(jnp.asarray, rows())
    sizes = [WIDTH, 256, 128, 3]
    keys = jax.random.split(jax.random.PRNGKey(1), len(sizes))
    params = [
        (jax.random.normal(k, (a, b)) * (2 / a) ** 0.5, jnp.zeros(b)) for k, a, b in zip(keys, sizes[:-1], sizes[1:])
    ]
    optimiser = optax.adamw(2e-3, weight_decay=3e-4)
    state = optimiser.init(params)

    def loss(params, x, y, w):
        for weight, bias in params[:-1]:
            x = jax.nn.relu(x @ weight + bias)
        weight, bias = params[-1]
        target = jax.nn.one_hot(y, 3) * 0.95 + 0.05 / 3
        return -(w[:, None] * target * jax.nn.log_softmax(x @ weight + bias)).sum(1).mean()

    @jax.jit
    def step(params, state, index):
        gradients = jax.grad(loss)(params, x[index], y[index], w[index])
        updates, state = optimiser.update(gradients, state, params)
        return optax.apply_updates(params, updates), state

    seconds = []
    for _ in range(runs):
        begun = time.perf_counter()
        order = RNG.permutation(ROWS)
        for start in range(0, ROWS - BATCH + 1, BATCH):
            params, state = step(params, state, jnp.asarray(order[start : start + BATCH]))
        jax.block_until_ready(params)
        seconds.append(time.perf_counter() - begun)
    told("JAX MLP, an epoch", seconds[1:])


def lightgbm(runs=3):
    """Seconds of 100 rounds, and of binning before."""
    import lightgbm as lgb

    x, y, w = rows()
    binning, rounds = [], []
    for _ in range(runs):
        begun = time.perf_counter()
        data = lgb.Dataset(x, label=y, weight=w, params={"verbose": -1}).construct()
        binning.append(time.perf_counter() - begun)
        begun = time.perf_counter()
        lgb.train({"objective": "multiclass", "num_class": 3, "num_leaves": 31, "verbose": -1, "num_threads": 2}, data, 100)
        rounds.append(time.perf_counter() - begun)
    told("LightGBM binning", binning[1:] or binning)
    told("LightGBM 100 rounds x 3 classes", rounds[1:] or rounds)


def pandas(runs=4):
    """Nanoseconds a value of windowed features."""
    import pandas as pd

    symbols, days = 80, 2520
    close = np.exp(np.cumsum(RNG.standard_normal((symbols, days)) * 0.016, axis=1)) * 100
    frames = [pd.DataFrame({"c": c, "h": c * 1.01, "l": c * 0.99, "v": np.full(days, 1e6)}) for c in close]

    def features(f):
        c, out = f["c"], {}
        r = np.log(c / c.shift(1))
        for n in (5, 10, 20, 60):
            out[f"roc{n}"] = 100 * (c / c.shift(n) - 1)
            out[f"sma{n}"] = c / c.rolling(n).mean() - 1
            out[f"vol{n}"] = r.rolling(n).std(ddof=0)
            out[f"ema{n}"] = c / c.ewm(span=n, adjust=False).mean() - 1
            out[f"pos{n}"] = (c - f["l"].rolling(n).min()) / (f["h"].rolling(n).max() - f["l"].rolling(n).min())
        change = c.diff()
        gain = change.clip(lower=0).ewm(alpha=1 / 14, adjust=False).mean()
        out["rsi14"] = 100 * gain / (gain + (-change.clip(upper=0)).ewm(alpha=1 / 14, adjust=False).mean())
        spread = pd.concat([f["h"] - f["l"], (f["h"] - c.shift(1)).abs(), (f["l"] - c.shift(1)).abs()], axis=1).max(axis=1)
        out["atr14"] = spread.ewm(alpha=1 / 14, adjust=False).mean() / c
        out["skew60"] = r.rolling(60).skew()
        out["rank252"] = out["vol20"].rolling(252).rank(pct=True)
        return pd.DataFrame(out)

    seconds = []
    for _ in range(runs):
        begun = time.perf_counter()
        width = [features(f).shape[1] for f in frames][0]
        seconds.append(time.perf_counter() - begun)
    told(f"pandas, {width} features of 80 x 2,520", seconds[1:])
    told("pandas, a value", [1e9 * s / (symbols * days * width) for s in seconds[1:]], "ns")


if __name__ == "__main__":
    for name in sys.argv[1:] or ["mlp", "lightgbm", "pandas"]:
        {"mlp": mlp, "lightgbm": lightgbm, "pandas": pandas}[name]()
