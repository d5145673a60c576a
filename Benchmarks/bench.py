"""`make bench`: what parsing, DICOM JSON, rewriting of metadata, and a whole series' metadata cost on this machine, and
what the cache saves beside nginx's.

Each round of a pure benchmark is a process of its own (`.build/release/Benchmarks CASE`), and the rounds of all of them
take turns, so that whatever else the machine does meanwhile hits all alike. Seconds are of CPU; peaks are VmHWM.
A comparison counts requests and bytes, which do not swing, and runs once.
"""

import argparse
import importlib
import json
import statistics
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
PURE = REPOSITORY / ".build/release/Benchmarks"

# Case → (what it is, figure → what the figure means).
_PARSED = {
    "parse MB/s": "object size over the time to find all its frames",
    "JSON MB/s": "object size over the time to write its DICOM JSON",
    "parse ms": "the same, in time",
    "JSON ms": "the same, in time",
    "JSON written MB": "size of the JSON, which pixels are no part of",
    "peak MB": "largest resident set",
}
_REWRITTEN = {"MB/s": "metadata read a second of CPU, in pieces of 16 KiB", "peak MB": "largest resident set"}
_KEPT = {
    f"{order} {unit} %": f"answered from the cache, by {unit}: {text}"
    for order, text in {
        "chosen": "the gateway's own order",
        "LRU": "least recently used series",
        "nginx": "least recently used objects, as nginx",
        "SLRU 80": "segmented LRU on series, 80% protected",
        "SLRU 50": "the same, 50%",
    }.items()
    for unit in ("requests", "bytes")
}
CASES = {
    "parse-native-100": ("100 MB multi-frame object, native frames of 512 KiB", _PARSED),
    "parse-native-1000": ("1 GB of the same", _PARSED),
    "parse-encapsulated-100": ("100 MB multi-frame object, encapsulated frames of 200 KiB", _PARSED),
    "parse-encapsulated-1000": ("1 GB of the same", _PARSED),
    "rewrite-ct": ("100 MB of metadata JSON of a CT series, compact", _REWRITTEN),
    "rewrite-orthanc": ("100 MB of the same with white space, as Orthanc writes it", _REWRITTEN),
    "rewrite-multiframe": ("100 MB of metadata JSON with per-frame functional groups", _REWRITTEN),
    "rewrite-binary": ("100 MB of metadata JSON, most of it InlineBinary of 8 KiB each", _REWRITTEN),
    "slice-json": (
        "a CT slice of 512 KiB becomes DICOM JSON",
        {"instances/s": "Part 10 in memory to JSON, a second of CPU"},
    ),
    "reencode-big-endian": ("100 MB of Big Endian become Little Endian", {"MB/s": "object size over CPU time"}),
    "frames-1-bit": ("1-bit frames that begin within a byte", {"MB/s": "frame bytes a second of CPU"}),
    "count-request": (
        "/metrics is told of a finished request, with 16 backends configured",
        {"hit ns": "of a hit, in nanoseconds of CPU", "list ns": "of a list of objects that needed a backend"},
    ),
    "eviction-zipf": ("30 studies, room for ten, visited by Zipf's law", _KEPT),
    "eviction-exports": ("the same, and now and then an export of fifteen studies", _KEPT),
    "eviction-aging": ("the same without exports, but new studies take the place of old ones", _KEPT),
    "eviction-aging-exports": ("both", _KEPT),
    "series-metadata": (
        "metadata of 300 instances behind a WADO-URI-only Orthanc, release gateway, nothing cached",
        {
            "ratio": "its time over that of fetching the 300 instances from Orthanc one by one",
            "ratio in parallel": "the same, fetching as many at once as the gateway may",
            "gateway ms": "the request for /metadata",
            "fetches ms": "the 300 fetches, one by one",
            "first byte ms": "until the first byte of the answer",
            "peak MB": "largest resident set of the gateway",
        },
    ),
}
# Each a module with `measure()` and `table(found)`.
COMPARISONS = ("session", "eviction")


def pure(case):
    done = subprocess.run([PURE, case], capture_output=True, text=True, check=True)
    figures = json.loads(done.stdout)
    if "error" in figures:
        raise RuntimeError(figures["error"])
    return figures


def measure(cases, rounds):
    """Case → figure → values, one a round."""
    found = {case: {} for case in cases}
    series = None
    try:
        if "series-metadata" in cases:
            from series import SeriesBench

            series = SeriesBench().start()
        for number in range(rounds if cases else 0):
            print(f"round {number + 1} of {rounds}", file=sys.stderr)
            for case in cases:
                figures = series.round() if case == "series-metadata" else pure(case)
                for name in CASES[case][1]:
                    found[case].setdefault(name, []).append(figures[name])
    finally:
        if series:
            series.stop()
    return found


def rounded(value):
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def table(found):
    for case, figures in found.items():
        print(f"\n{case}: {CASES[case][0]}")
        for name, values in figures.items():
            median, low, high = (rounded(f(values)) for f in (statistics.median, min, max))
            print(f"  {name:<18}{median:>9}   {low + '–' + high:<17} {CASES[case][1][name]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="every round's figures as JSON")
    parser.add_argument("--rounds", type=int, default=5, help="how often each is measured (5)")
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"of {', '.join((*CASES, *COMPARISONS))}; all by default")
    arguments = parser.parse_args()
    asked = arguments.cases or [*CASES, *COMPARISONS]
    unknown = {*asked} - {*CASES, *COMPARISONS}
    if unknown:
        parser.error(f"no such case: {', '.join(sorted(unknown))}")
    found = measure([case for case in asked if case in CASES], arguments.rounds)
    comparisons = [importlib.import_module(case) for case in asked if case in COMPARISONS]
    compared = {each.__name__: each.measure() for each in comparisons}
    if arguments.json:
        print(json.dumps({**found, **compared}, indent=2))
        return
    if found:
        print(f"Median of {arguments.rounds} rounds, least and most.")
        table(found)
    for each in comparisons:
        each.table(compared[each.__name__])


if __name__ == "__main__":
    main()
