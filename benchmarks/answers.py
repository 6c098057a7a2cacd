"""Survey answers, handled and stored a second: ``python -m benchmarks.answers [--number N] [--rounds 3] [--only NAME …] [--write]``.

In Touch runs whole: the real survey, its rules, its templates. The peers store one row per tap and make the same two calls.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from statistics import median

from benchmarks import page, rounds, taps

GOALS = {"aiogram, SQLAlchemy": 4.0, "aiogram, batched": 1.8, "telegraf": 1.0, "grammY runner": 1.0}
HEADS = ("API latency", "", "updates/s", "CPU ms each", "p99 at half of it", "peak", "simulator busy")
RATIOS = ("API latency", "", *(f"× {peer} (goal {goal:g})" for peer, goal in GOALS.items()))
Figures = dict[str, dict[str, list[float]]]


def _note(figures: dict[str, list[float]], name: str, number: int, latency: float) -> None:
    """One bot at full load, and then at half of what it managed."""
    full = taps.run(name, number, latency)
    pace = full["done"] / full["seconds"] if full["seconds"] > 0 else 0.0
    half = taps.run(name, max(50, number // 2), latency, rate=pace / 2) if pace else {"p99": 0.0}
    if full["done"] < number:
        print(f"  {name} left {number - full['done']:.0f} of {number} taps unanswered", flush=True)
    for key, value in {**full, "pace": pace, "p99": half["p99"]}.items():
        if key != "calls":
            figures.setdefault(key, []).append(value)
    print(f"  {latency * 1000:.0f} ms: {name:22} {pace:8,.0f} updates/s, load {os.getloadavg()[0]:.1f}", flush=True)


def measure(names: Sequence[str], number: int, latency: float, times: int) -> Figures:
    """Everybody in turns, round by round."""
    figures: Figures = {name: {} for name in names}
    for _ in range(times):
        for name in names:
            _note(figures[name], name, number, latency)
    return figures


def rows(figures: Figures, latency: float) -> list[tuple[str, ...]]:
    found = []
    for name, said in figures.items():
        cost = f"{median(said['cpu']) * 1000:.2f}", f"{median(said['p99']) * 1000:,.0f} ms", f"{median(said['peak_mb']):.0f} MB"
        found.append((f"{latency * 1000:.0f} ms", name, rounds.spread(said["pace"]), *cost, f"{median(said['api_busy']):.0%}"))
    return found


def ratios(figures: Figures, latency: float) -> list[tuple[str, ...]]:
    """Each way of ours against each peer: the ratio of the medians."""
    paces = {name: median(said["pace"]) for name, said in figures.items()}
    shares = {
        ours: [f"{paces[ours] / paces[peer]:.2f}" if paces.get(peer) else "–" for peer in GOALS] for ours in taps.OURS if ours in paces
    }
    return [(f"{latency * 1000:.0f} ms", ours, *share) for ours, share in shares.items()]


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--number", type=int, default=3000)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--latencies", type=float, nargs="*", default=[0, 30], help="milliseconds that the Bot API takes for a call")
    arguments.add_argument("--only", choices=[*taps.OURS, *taps.PEERS], action="append")
    arguments.add_argument("--write", action="store_true", help="put the figures into docs/benchmarks.md")
    chosen = arguments.parse_args()
    names = chosen.only or [*taps.OURS, *taps.PEERS]
    versions = taps.versions() if set(names) & set(taps.PEERS) else {}
    all_rows, all_ratios = [], []
    for latency in (milliseconds / 1000 for milliseconds in chosen.latencies):
        figures = measure(names, chosen.number, latency, chosen.rounds)
        all_rows += rows(figures, latency)
        all_ratios += ratios(figures, latency)
    said = (
        f"{chosen.number:,} taps by as many people, {taps.FLIGHT} in flight; medians of {chosen.rounds} rounds of all in turns"
        " (least–most)."
    )
    parts = [said, page.table(HEADS, all_rows), page.table(RATIOS, all_ratios), page.circumstances(versions)]
    page.publish("answers", "\n\n".join(parts), write=chosen.write)


if __name__ == "__main__":
    main()
