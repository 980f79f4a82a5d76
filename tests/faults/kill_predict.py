"""kill -9 of a batch run at random moments: python -m tests.faults.kill_predict FOLDER [SEED]

After each kill every file among the results is whole, and what the manifest calls done is not done
again; at the end the results are those of a run that nobody killed.
"""

import json
import random
import sys
from functools import partial
from pathlib import Path

import cv2
import nibabel
import torch

from metaseg.checkpoint import save_checkpoint
from metaseg.cli.main import main as metaseg
from metaseg.findings.manifest import MANIFEST
from tests.conftest import draw_head, small_checkpoint
from tests.faults.killing import run, run_and_kill
from tests.findings.test_files import head_volume
from tests.volumes import affine_of, save

KILLS = 20
SCANS = 6


def predict(folder: Path, output: Path) -> int:
    options = ["--model", str(folder / "small"), "--output", str(output)]
    return metaseg(["predict", str(folder / "scans"), *options])


def check_files(output: Path) -> None:
    """Every file that bears the name of a result is whole."""
    for path in output.glob("[!.]*"):
        if path.name.endswith(".nii.gz"):
            nibabel.load(path).get_fdata()
        elif path.suffix == ".png":
            assert cv2.imread(str(path)) is not None, path.name
        elif path.suffix == ".json":
            json.loads(path.read_text())
        else:
            assert path.suffix in (".csv", ".partial"), path.name


def done(output: Path) -> dict[str, str]:
    """When each scan was finished."""
    if not (output / MANIFEST).is_file():
        return {}
    scans = json.loads((output / MANIFEST).read_text())["scans"]
    return {name: scan["finished"] for name, scan in scans.items() if scan["status"] == "done"}


def contents(output: Path) -> dict[str, bytes]:
    """The masks and tables of all scans."""
    wanted = [path for path in output.iterdir() if path.name.endswith(("mask.png", ".csv"))]
    return {path.name: path.read_bytes() for path in wanted}


def main(folder: Path, seed: int) -> dict:
    draw = random.Random(seed)
    checkpoint = small_checkpoint("unet")
    save_checkpoint(folder / "small", checkpoint.config, checkpoint.network.state_dict())
    affine = affine_of("LPS", (0.9, 0.9, 4.0))
    for number in range(SCANS):
        save(folder / f"scans/volume{number}.nii.gz", head_volume(), affine)
        cv2.imwrite(str(folder / f"scans/slice{number}.png"), draw_head(seed=number)[0])
    log = folder / "log.txt"
    whole = run(partial(predict, folder, folder / "whole"), log)
    expected = contents(folder / "whole")
    assert len(done(folder / "whole")) == 2 * SCANS and len(expected) == 3 * SCANS
    kills = runs = between = 0
    while kills < KILLS:
        runs += 1
        output, within = folder / f"killed{runs}", whole / 2
        before: dict[str, str] = {}
        while kills < KILLS:
            if not run_and_kill(partial(predict, folder, output), log, within, draw):
                break
            kills += 1
            if output.is_dir():
                check_files(output)
            now = done(output)
            assert before.items() <= now.items(), "what was done was done again"
            # On a machine that became slower, every kill would fall into the same scan.
            within *= 1 if len(now) > len(before) else 1.2
            between += bool(now)
            before = now
        run(partial(predict, folder, output), log)
        assert contents(output) == expected and not list(output.glob(".*.partial"))
        assert before.items() <= done(output).items()
    return {
        "seed": seed,
        "kills": kills,
        "runs": runs,
        "scans": 2 * SCANS,
        "kills with results": between,
    }


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(json.dumps(main(Path(sys.argv[1]), int((sys.argv[2:] or ["0"])[0]))))
