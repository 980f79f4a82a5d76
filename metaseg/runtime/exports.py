"""Networks as OpenVINO reads them: made on first use, and kept in the user's cache folder."""

import hashlib
import logging
import os
import tempfile
import warnings
from pathlib import Path

import openvino

from metaseg.checkpoint import Checkpoint

ENCODER, DECODER = "encoder", "decoder"
LAYOUT = 3
"""Of an export. Any change of what is exported raises it."""
DIGEST, LENGTH = 32, 8
"""Bytes of the two fields before an export: SHA-256 of what follows, and how long its text is."""
log = logging.getLogger(__name__)


def exported(core: openvino.Core, checkpoint: Checkpoint, part: str) -> openvino.Model:
    """The encoder or the decoder of ``checkpoint``.

    The encoder takes one image (1, C, S, S) and gives five feature maps, the finest first, and the
    last of them pooled (1, F). The decoder takes the five and gives the logits (1, S, S).

    An export in the cache that is damaged is made anew. Without a cache folder of one's own, none
    is kept.
    """
    path = _path_of(checkpoint, part)
    if path is not None and (parts := _read(path)) is not None:
        return core.read_model(*parts)
    model = _export(checkpoint, part)
    if path is not None:
        try:
            _write(path, model)
        except OSError as error:
            log.warning("The export of %s is not kept: %s.", checkpoint.name, error.strerror)
    return model


def _path_of(checkpoint: Checkpoint, part: str) -> Path | None:
    """Where the export lies, by all that it depends on; None for a network made in memory, and
    where the folder may be somebody else's."""
    if not checkpoint.weights.digest:
        return None
    config = checkpoint.config
    facts = (
        LAYOUT, part, openvino.__version__, checkpoint.weights.digest, config.architecture,
        config.encoder, config.decoder_channels, config.preprocessing.channels,
        config.preprocessing.size,
    )  # fmt: skip
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        folder = (Path(base) if base else Path.home() / ".cache") / "metaseg"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
    except (OSError, RuntimeError):
        return None
    if hasattr(os, "getuid") and (status.st_uid != os.getuid() or status.st_mode & 0o022):
        log.warning("The cache folder may be written by others and is not used.")
        return None
    return folder / f"{hashlib.sha256(repr(facts).encode()).hexdigest()}.openvino"


def _read(path: Path) -> tuple[bytes, bytes] | None:
    """The text and the weights of an export; None where there is none or it is damaged."""
    try:
        data = memoryview(path.read_bytes())
    except OSError:
        return None
    body = data[DIGEST:]
    if hashlib.sha256(body).digest() != data[:DIGEST]:
        return None
    end = LENGTH + int.from_bytes(body[:LENGTH], "little")
    return bytes(body[LENGTH:end]), bytes(body[end:])


def _write(path: Path, model: openvino.Model) -> None:
    """Keep ``model``, whole or not at all; of two processes, the later one's stays."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".export-") as folder:
        text, weights = Path(folder) / "model.xml", Path(folder) / "model.bin"
        openvino.save_model(model, text, compress_to_fp16=False)
        xml = text.read_bytes()
        body = len(xml).to_bytes(LENGTH, "little") + xml + weights.read_bytes()
        whole = Path(folder) / "whole"
        whole.write_bytes(hashlib.sha256(body).digest() + body)
        whole.replace(path)


def _export(checkpoint: Checkpoint, part: str) -> openvino.Model:
    # Only an export needs these, and they take seconds to import.
    import torch
    from openvino.frontend import FrontEndManager
    from openvino.frontend.pytorch.ts_decoder import TorchScriptPythonDecoder

    settings, network = checkpoint.config.preprocessing, checkpoint.network
    image = torch.zeros(1, len(settings.channels), settings.size, settings.size)

    class Encoder(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
            features = network.features(x)
            return (*features, network.pool(features[-1]))

    class Decoder(torch.nn.Module):
        def forward(self, *features: torch.Tensor) -> torch.Tensor:
            return network.upsample(network.decode(list(features)), image)[:, -1]

    served = Encoder() if part == ENCODER else Decoder()
    served.network = network  # what is frozen must be found in the module
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what a trace fixes, and of what torch means to change
        inputs = (image,) if part == ENCODER else tuple(network.features(image))
        # The trace is not checked by running it again: the tests compare whole masks.
        traced = torch.jit.trace(served.eval(), inputs, check_trace=False)
        decoder = TorchScriptPythonDecoder(
            torch.jit.freeze(traced), example_input=inputs, skip_freeze=True
        )
        frontend = FrontEndManager().load_by_framework("pytorch")
        loaded = frontend.load(decoder)
        for place, tensor in zip(loaded.get_inputs(), inputs):
            loaded.set_element_type(place, openvino.Type.f32)
            loaded.set_partial_shape(place, openvino.PartialShape(list(tensor.shape)))
        return frontend.convert(loaded)
