"""The manifest of an output folder: what cannot be used of it is passed over."""

import json

import pytest

from metaseg.findings.manifest import MANIFEST, Manifest

ENTRY = {"status": "done", "input_sha256": "0", "run": {}, "files": []}


@pytest.mark.parametrize(
    "scans",
    [None, [1], 1, {"a": 1}, {"a": [ENTRY]}, *({"a": ENTRY | {"files": f}} for f in (None, [1]))],
)
def test_what_cannot_be_used_counts_as_not_done(tmp_path, scans):
    (tmp_path / MANIFEST).write_text(json.dumps({"scans": scans}))
    manifest = Manifest(tmp_path, {})
    assert not manifest.is_done("a", "0")
    manifest.add("a", "0", "done", files=[])
    assert Manifest(tmp_path, {}).is_done("a", "0")
