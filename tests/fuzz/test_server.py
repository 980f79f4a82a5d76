"""While one visitor hands in what once stopped the server, others are answered as ever."""

import threading
import time

import httpx
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from tests.conftest import EXAMPLES
from tests.fuzz.seeds import CORPUS

SLICE = EXAMPLES / "meningioma_axial.jpg"
PATIENCE = 60
"""Seconds for a slice: far more than it takes, and far less than for ever."""
FROZEN = 10
"""Seconds for the smallest answer, which only a server that stands still takes."""


@pytest.mark.slow
def test_a_second_visitor_is_answered(server):
    attacker, visitor = Client(server, verbose=False), Client(server, verbose=False)
    files = sorted(path for path in CORPUS.glob("*/*") if path.is_file())
    answers, pings, done = [], [], threading.Event()

    def attack() -> None:
        for path in files:
            for endpoint in ("/segment", "/segment_volume"):
                try:
                    attacker.predict(scan=handle_file(path), api_name=endpoint)
                    answers.append((path.name, "result"))
                except (AppError, ValueError) as error:
                    answers.append((path.name, str(error)))
        done.set()

    def ping() -> None:
        while not done.wait(0.5):
            started = time.monotonic()
            httpx.get(f"{server}gradio_api/startup-events", timeout=PATIENCE)
            pings.append(time.monotonic() - started)

    threads = [threading.Thread(target=work, daemon=True) for work in (attack, ping)]
    for thread in threads:
        thread.start()
    slices = 0
    while not done.is_set():
        started = time.monotonic()
        *_, report = visitor.predict(scan=handle_file(SLICE), api_name="/segment")
        assert report["lesions"] and time.monotonic() - started < PATIENCE
        slices += 1
        done.wait(1)
    for thread in threads:
        thread.join()
    assert slices and len(answers) == 2 * len(files)
    assert max(pings) < FROZEN
    for name, words in answers:
        assert words == "result" or words.rstrip().endswith("."), (name, words)
