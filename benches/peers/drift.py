"""PSI, KL and Kolmogorov-Smirnov of many columns with numpy and scipy, on arrays that the bench has written.

    pip install numpy scipy
    cargo bench --bench drift -- peer python3

The bench calls it with a folder, the number of columns, and the rows of both samples. Deciles by numpy's "linear", missing values
in a bin of their own, 0.5 added to every count; scipy.stats.ks_2samp with the asymptotic p. One process, one thread and then two over the
columns; the faster counts. Writes the median of its runs and then the figures of each column to found.f64.
"""

import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from scipy.stats import ks_2samp

RUNS = 3


def edges_of(reference):
    """Deciles without repetition, or each value of few."""
    different = np.unique(reference[:2000])
    if len(different) <= 10:
        different = np.unique(reference)
        if len(different) <= 10:
            return different
    return np.unique(np.quantile(reference, np.arange(1, 10) / 10))


def distances(reference, current):
    """PSI, KL of the current from the reference, D."""
    here = [sample[~np.isnan(sample)] for sample in (reference, current)]
    edges = edges_of(here[0])
    shares = []
    for sample, present in zip((reference, current), here):
        counts = np.bincount(np.searchsorted(edges, present, side="right"), minlength=len(edges) + 1)
        counts = np.append(counts, len(sample) - len(present)) + 0.5
        shares.append(counts / counts.sum())
    then, now = shares
    logs = np.log(now / then)
    return ((now - then) * logs).sum(), (now * logs).sum(), ks_2samp(here[0], here[1], method="asymp").statistic


def main(folder, columns, reference, current):
    """Runs with one thread and with two, and keeps the faster."""
    folder = Path(folder)
    then = np.fromfile(folder / "reference.f64").reshape(columns, reference)
    now = np.fromfile(folder / "current.f64").reshape(columns, current)
    best = float("inf")
    for threads in (1, 2):
        seconds = []
        with ThreadPoolExecutor(threads) as pool:
            for _ in range(RUNS):
                begun = time.perf_counter()
                found = list(pool.map(distances, then, now))
                seconds.append(time.perf_counter() - begun)
        name = f"numpy {np.__version__} and scipy, threads: {threads}"
        print(f"{name:<44} {statistics.median(seconds):8.3f} s ({min(seconds):.3f} to {max(seconds):.3f})", flush=True)
        best = min(best, statistics.median(seconds))
    np.concatenate([[best], np.ravel(found)]).astype("<f8").tofile(folder / "found.f64")


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:5]))
