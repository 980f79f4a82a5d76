"""Everything that has a speed, in one run: python benchmarks/speed.py [--before FOLDER] [--write]

Measures networks, slices and volumes inside a process, the demo through a real client, archives,
and networks of others, prints medians with their quartiles, and writes docs/performance.md.
``--before`` is a checkout of an earlier commit, which is measured in the same run, part by part in
turn with this one, so that ratios hold on a machine that others use.
"""

import argparse
import importlib.util
import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import torch
from tables import document

HERE = Path(__file__).parent
ROOT = HERE.parent
DOCUMENT = ROOT / "docs" / "performance.md"
PACKAGES = ("openvino", "torch", "numpy", "gradio", "gradio-client")
PARTS = {
    "network": ["networks.py", "network"],
    "volume": ["networks.py", "volume"],
    "memory": ["networks.py", "memory"],
    "stages": ["stages.py"],
    "requests": ["client_requests.py"],
    "archive": ["archive.py"],
}


def measure(part: list[str], tree: Path) -> dict | None:
    """What the program ``part`` prints of the MetaSeg in ``tree``; None where it fails."""
    script, *arguments = part
    environment = {**os.environ, "PYTHONPATH": str(tree), "GRADIO_ANALYTICS_ENABLED": "False"}
    done = subprocess.run(
        [sys.executable, HERE / script, *arguments],
        cwd=tree,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    return json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else None


def commit_of(tree: Path) -> str:
    """The commit that is checked out in ``tree``, with a plus where files differ from it."""
    git = ["git", "-C", str(tree)]
    name = subprocess.run([*git, "rev-parse", "--short", "HEAD"], capture_output=True, text=True)
    changed = subprocess.run(
        [*git, "status", "--porcelain", "-uno"], capture_output=True, text=True
    )
    return name.stdout.strip() + ("+" if changed.stdout.strip() else "")


def processor() -> str:
    """The processor's name and what speeds up networks on it."""
    text = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    names = [line.partition(":")[2].strip() for line in text.splitlines() if "model name" in line]
    flags = [flag for flag in ("avx512_bf16", "amx_bf16") if flag in text]
    return f"{(names or [platform.processor()])[0]} ({', '.join(flags) or 'no bf16'})"


def main() -> None:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--before", type=Path, help="a checkout of an earlier commit")
    parser.add_argument("--part", action="append", choices=[*PARTS, "peers"], help="default: all")
    parser.add_argument("--write", action="store_true", help="write docs/performance.md")
    parser.add_argument("--note", help="what else is to be known of this run")
    options = parser.parse_args()
    trees = {"after": ROOT} | ({"before": options.before.resolve()} if options.before else {})
    load = os.getloadavg()[0]
    results: dict[str, dict] = {tree: {} for tree in trees}
    for name in options.part or [*PARTS, "peers"]:
        if name == "peers":
            if importlib.util.find_spec("dynamic_network_architectures"):
                results["after"]["peers"] = measure(["peers.py"], ROOT)
            continue
        for tree, folder in trees.items():
            results[tree][name] = measure(PARTS[name], folder)
            print(f"{name} {tree}: {'done' if results[tree][name] else 'not run'}", file=sys.stderr)
    facts = {
        "Measured": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "Commit": " against ".join(commit_of(folder) for folder in trees.values()),
        "Processor": f"{processor()}, {len(os.sched_getaffinity(0))} cores",
        "GPU": torch.cuda.get_device_name()
        if torch.cuda.is_available()
        else "none: nothing here ran on one",
        "Versions": ", ".join(
            [f"Python {platform.python_version()}"] + [f"{n} {version(n)}" for n in PACKAGES]
        ),
        "Load": f"{load:.1f} when the run began, {os.getloadavg()[0]:.1f} when it ended",
    }
    if options.note:
        facts["Note"] = options.note
    text = document(facts, results)
    print(text)
    if options.write:
        DOCUMENT.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
