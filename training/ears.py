"""What of Moonshine Tiny's encoder ships: its convolutions and the first three of its six layers.

    python -m training.ears encoder_model.ort --out src/lipwright/articulation/moonshine_tiny_encoder.onnx

`encoder_model.ort` is `moonshine_voice/assets/tiny-en/encoder_model.ort` in the wheel of moonshine-voice 0.0.49. What
is kept ends with the rows of the third layer, each brought to mean 0 and variance 1; nothing else is changed, and
nothing is trained. Why the third: docs/decisions/0022-the-first-half-of-the-encoder.md.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnx.utils import Extractor

from lipwright.articulation.encoder import N_FEATURES
from training.export import halved

SOURCE_SHA256 = "94e90a4654fc45cdfedb77c4c08e1739f48862998e58fada384b25118134f221"
N_LAYERS = 3
INPUTS = ["input_values", "attention_mask"]
ABOUT = (
    "The convolutions and the first three of six layers of the encoder of Moonshine Tiny (English), as distributed in "
    "the package moonshine-voice 0.0.49. Copyright (c) 2025 Moonshine AI, MIT licence."
)


def as_onnx(path: Path) -> onnx.ModelProto:
    """A file of the format ORT in the format ONNX, its graph as it is."""
    with TemporaryDirectory() as folder:
        written = Path(folder, "encoder.onnx")
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.optimized_model_filepath = str(written)
        options.add_session_config_entry("session.save_model_format", "ONNX")
        onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        return onnx.load(written)


def first_layers(encoder: onnx.ModelProto, n_layers: int) -> onnx.ModelProto:
    """The encoder up to a layer, whose rows (1, n, N_FEATURES) are brought to mean 0 and variance 1: "features"."""
    rows = f"/layers.{n_layers - 1}/Add_1_output_0"
    shape = ["batch_size", "rows", N_FEATURES]
    encoder.graph.output.append(helper.make_tensor_value_info(rows, TensorProto.FLOAT, shape))
    cut = Extractor(encoder).extract_model(INPUTS, [rows])
    graph = cut.graph
    for name, value in (("features.scale", 1.0), ("features.shift", 0.0)):
        graph.initializer.append(numpy_helper.from_array(np.full(N_FEATURES, value, np.float32), name))
    given = [rows, "features.scale", "features.shift"]
    graph.node.append(helper.make_node("LayerNormalization", given, ["features"], "features", epsilon=1e-5))
    del graph.output[:], graph.value_info[:]
    graph.output.append(helper.make_tensor_value_info("features", TensorProto.FLOAT, shape))
    cut.doc_string = ABOUT
    return cut


def main() -> None:
    parser = argparse.ArgumentParser(description="Cut the encoder that ships out of a recogniser's.")
    parser.add_argument("source", type=Path, help="encoder_model.ort")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    if hashlib.sha256(arguments.source.read_bytes()).hexdigest() != SOURCE_SHA256:
        parser.error(f"{arguments.source} is not the file of moonshine-voice 0.0.49")
    content = halved(first_layers(as_onnx(arguments.source), N_LAYERS)).SerializeToString()
    arguments.out.write_bytes(content)
    print(f"{len(content):,} bytes, sha256 {hashlib.sha256(content).hexdigest()}")


if __name__ == "__main__":
    main()
