"""Many visitors at once: python benchmarks/crowd.py --minutes 30

Starts the demo on this machine and sends it real gradio clients: a crowd all at once, slices beside
whole volumes, visitors who are slow or vanish, and then a steady rate for some minutes. Every scan
carries a watermark that must come back to its sender. Prints Markdown tables, and exits with 1
where an answer was wrong, an error was no sentence, or the steady rate added files.
"""

import argparse
import random
import socket
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import httpx
import nibabel
import numpy as np
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from gradio_client.utils import QueueError
from PIL import Image
from watched_server import running_server, state_of

ROOT = Path(__file__).parent.parent
SLICE = ROOT / "examples" / "meningioma_axial.jpg"
BITS, BLOCK = 24, 16
PATIENCE = 3600
BROKEN_OFF = 5
"""Visitors who vanish in the middle of an upload, and as many in the middle of a call."""
PART = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'


@dataclass
class Phase:
    """What came of the calls of one phase."""

    name: str
    seconds: list[float] = field(default_factory=list)
    refusals: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def row(self) -> str:
        """A row of the table."""
        low, middle, late, high = np.percentile(self.seconds or [np.nan], [0, 50, 95, 100])
        latencies = f"{low:.1f} / {middle:.1f} / {late:.1f} / {high:.1f}"
        refused = "; ".join(f"{count} x {words}" for words, count in self.refusals.items())
        wrong = "; ".join(sorted(set(self.wrong)))
        right = f"{len(self.seconds)} | {len(self.wrong)} {wrong}"
        return f"| {self.name} | {right} | {latencies} | {refused or 'none'} |"


class Crowd:
    """Clients of the server at ``url``, which send scans from ``folder``."""

    def __init__(self, url: str, folder: Path):
        self.url, self.folder = url, folder
        self.slice = np.asarray(Image.open(SLICE).convert("L"))

    def watermarked(self, mark: int) -> Path:
        """A slice whose lowest rows hold ``mark`` as black and white blocks."""
        pixels = self.slice.copy()
        for bit in range(BITS):
            pixels[-BLOCK:, bit * BLOCK : (bit + 1) * BLOCK] = 255 * (mark >> bit & 1)
        path = self.folder / f"{mark}.png"
        cv2.imwrite(str(path), pixels)
        return path

    def volume(self, mark: int, slices: int) -> Path:
        """A volume of ``slices`` slices whose origin is ``mark`` mm from zero."""
        small = cv2.resize(self.slice, (256, 256), interpolation=cv2.INTER_AREA)
        affine = np.diag([1.0, 1.0, 1.0, 1.0])
        affine[0, 3] = mark
        path = self.folder / f"{mark}.nii.gz"
        voxels = np.repeat(small.T[..., None], slices, axis=2).astype(np.int16)
        nibabel.save(nibabel.Nifti1Image(voxels, affine), path)
        return path

    def segment(self, client: Client, mark: int) -> bool:
        """Whether the answer is for the slice that was sent."""
        answer = client.predict(scan=handle_file(self.watermarked(mark)), api_name="/segment")
        return mark_of(answer[0]) == mark

    def compare(self, client: Client, mark: int) -> bool:
        """The same of both networks."""
        answer = client.predict(scan=handle_file(self.watermarked(mark)), api_name="/compare")
        return {mark_of(picture) for picture in answer[::3]} == {mark}

    def segment_volume(self, client: Client, mark: int, slices: int) -> bool:
        """The same of a volume."""
        path = self.volume(mark, slices)
        mask, _, _ = client.predict(scan=handle_file(path), api_name="/segment_volume")
        found = nibabel.Nifti1Image.from_filename(mask)
        return round(found.header.get_best_affine()[0, 3]) == mark and found.shape[2] == slices

    def models(self, client: Client, mark: int) -> bool:
        """Whether any network is named."""
        return bool(client.predict(api_name="/models"))

    def visit(self, phase: Phase, ask: Callable[[Client, int], bool]) -> None:
        """One visitor, who comes, asks once and goes."""
        mark = random.getrandbits(BITS)
        began = time.monotonic()
        try:
            client = Client(self.url, verbose=False, download_files=self.folder)
            try:
                if ask(client, mark):
                    phase.seconds.append(time.monotonic() - began)
                else:
                    phase.wrong.append("another's answer")
            finally:
                client.close()
        except Exception as error:
            words = sentence_of(error)
            if words:
                phase.refusals[words] += 1
            else:
                phase.wrong.append(f"{type(error).__name__}: {str(error)[:80]}")

    def mixed(self, number: int) -> Callable[[Client, int], bool]:
        """What visitor ``number`` asks: every kind of call, and slices most of all."""
        kinds = [self.segment, self.compare, self.segment, self.models, self.segment, self.few]
        return kinds[number % len(kinds)]

    def few(self, client: Client, mark: int) -> bool:
        """A volume of a few slices."""
        return self.segment_volume(client, mark, slices=4)

    def drip(self, phase: Phase, seconds: float) -> None:
        """A visitor whose upload comes byte by byte, and is answered all the same."""
        began, mark = time.monotonic(), random.getrandbits(BITS)
        data = self.watermarked(mark).read_bytes()
        step = len(data) // 20 + 1

        def body() -> Iterator[bytes]:
            yield PART
            for start in range(0, len(data), step):
                yield data[start : start + step]
                time.sleep(seconds / 20)
            yield b"\r\n--x--\r\n"

        kind = {"Content-Type": "multipart/form-data; boundary=x"}
        url = f"{self.url}gradio_api/upload"
        answer = httpx.post(url, content=body(), headers=kind, timeout=PATIENCE)
        if answer.status_code != 200:
            phase.wrong.append(f"status {answer.status_code}")
            return
        client = Client(self.url, verbose=False, download_files=self.folder)
        scan = {"path": answer.json()[0], "meta": {"_type": "gradio.FileData"}}
        overlay, _, _ = client.predict(scan=scan, api_name="/segment")
        client.close()
        if mark_of(overlay) == mark:
            phase.seconds.append(time.monotonic() - began)
        else:
            phase.wrong.append("another's answer")

    def vanish(self, number: int) -> None:
        """A visitor who goes in the middle of an upload, or of a call."""
        if number % 2:
            where = httpx.URL(self.url)
            with socket.create_connection((where.host, where.port)) as line:
                line.sendall(
                    b"POST /gradio_api/upload HTTP/1.1\r\nHost: localhost\r\n"
                    b"Content-Length: 9000\r\nContent-Type: multipart/form-data; boundary=x\r\n\r\n"
                )
                line.sendall(PART + b"half")
            return
        client = Client(self.url, verbose=False, download_files=False)
        client.submit(scan=handle_file(self.watermarked(number)), api_name="/compare")
        client.close()


def sentence_of(error: Exception) -> str | None:
    """The server's sentence, where ``error`` is its refusal and no fault."""
    if isinstance(error, httpx.HTTPStatusError) and error.response.status_code in (413, 429, 503):
        return error.response.text
    # gradio's own words where the server gave none.
    if isinstance(error, AppError | QueueError) and "show_error" not in str(error):
        return str(error)
    return None


def mark_of(overlay: str) -> int:
    """The watermark that an overlay shows."""
    pixels = np.asarray(Image.open(overlay)).min(axis=2)
    size = pixels.shape[1] / 512 * BLOCK
    row = pixels[round(-size / 2)]
    return sum(int(row[round((bit + 0.5) * size)] > 127) << bit for bit in range(BITS))


def at_once(visits: list[Callable[[], None]]) -> None:
    """All ``visits`` together."""
    threads = [threading.Thread(target=visit) for visit in visits]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def at_a_rate(visit: Callable[[int], None], minutes: float, rate: float) -> None:
    """``rate`` calls of ``visit`` a second, whether or not earlier ones have been answered."""
    began, number = time.monotonic(), 0
    with ThreadPoolExecutor(256) as pool:
        while time.monotonic() < began + minutes * 60:
            pool.submit(visit, number)
            number += 1
            time.sleep(max(0.0, began + number / rate - time.monotonic()))


def main() -> None:
    """Run the phases one after the other, and print what came of them."""
    parser = argparse.ArgumentParser(description="Many visitors at once.")
    parser.add_argument("--clients", type=int, default=50, help="visitors who come at once")
    parser.add_argument("--volumes", type=int, default=2, help="volumes beside the slices")
    parser.add_argument("--slices", type=int, default=400, help="slices of each of those volumes")
    parser.add_argument("--minutes", type=float, default=30, help="of the steady rate")
    parser.add_argument("--rate", type=float, default=0.2, help="visitors a second then")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scans, tempfile.TemporaryDirectory() as cache:
        with running_server(Path(cache)) as (url, server):
            crowd = Crowd(url, Path(scans))
            crowd.visit(Phase("warm-up"), crowd.compare)
            states = [state_of("idle, before", server, Path(cache))]

            together = Phase(f"{options.clients} at once, mixed")
            visits = [
                lambda n=n: crowd.visit(together, crowd.mixed(n)) for n in range(options.clients)
            ]
            at_once(visits)

            beside = Phase("slices beside the volumes")
            volumes = Phase(f"{options.volumes} volumes of {options.slices} slices")

            def whole(client: Client, mark: int) -> bool:
                return crowd.segment_volume(client, mark, options.slices)

            visits = [lambda: crowd.visit(volumes, whole)] * options.volumes
            visits += [lambda: crowd.visit(beside, crowd.segment)] * options.clients
            at_once(visits)

            slow = Phase("slow uploads, and visitors who vanish beside them")
            visits = [lambda: crowd.drip(slow, seconds=20)] * 5
            visits += [lambda n=n: crowd.vanish(n) for n in range(2 * BROKEN_OFF)]
            visits += [lambda: crowd.visit(slow, crowd.segment)] * 5
            at_once(visits)
            states.append(state_of("after the crowds", server, Path(cache), kept=BROKEN_OFF))

            steady = Phase(f"{options.minutes:g} minutes at {options.rate:g} a second")
            for when in ("half of the steady rate", "all of it"):
                at_a_rate(
                    lambda n: crowd.visit(steady, crowd.mixed(n)), options.minutes / 2, options.rate
                )
                states.append(state_of(when, server, Path(cache), kept=states[1].files))
        phases = [together, volumes, beside, slow, steady]
        print("\n| phase | right | wrong | seconds: min / median / 95 % / max | refused |")
        print("|---|---|---|---|---|")
        print("\n".join(phase.row() for phase in phases))
        print(
            "\n| server | memory (MB) | open files | files kept | MB kept |\n|---|---|---|---|---|"
        )
        print("\n".join(state.row() for state in states))
        left = list(Path(cache).glob("metaseg-*"))
        print(f"\nFolders left when the server had ended: {len(left)}")
        # What uploads that broke off had sent stays for its hour, but nothing is added to it.
        grown = states[-1].files > states[1].files
        sys.exit(bool(left or grown or any(phase.wrong for phase in phases)))


if __name__ == "__main__":
    main()
