"""Is the ONNX file the original? tfjs's own answers on plain pictures against ONNX Runtime's.

    python training/nsfw_inception/verify.py --model OUT.onnx --write FOLDER    # pictures for reference.mjs
    python training/nsfw_inception/verify.py --model OUT.onnx --against ANSWERS.json

Prints the largest difference over all pictures and the five classes; more than 0.00005 ends with exit code 1.
The answers are kept as tests/unit/classifiers_image/nsfw_inception_expected.json.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))
from support.plain_pictures import plain_pictures

from classifiers.image.nsfw_inception import fitted

parser = argparse.ArgumentParser()
parser.add_argument("--model", type=Path, required=True)
parser.add_argument("--write", type=Path)
parser.add_argument("--against", type=Path)
options = parser.parse_args()
if options.write:
    options.write.mkdir(parents=True, exist_ok=True)
    for name, pixels in plain_pictures().items():
        (options.write / f"{name}.rgb").write_bytes(pixels.tobytes())
        size = {"height": pixels.shape[0], "width": pixels.shape[1]}
        (options.write / f"{name}.json").write_text(json.dumps(size))
if options.against:
    session = onnxruntime.InferenceSession(str(options.model), providers=["CPUExecutionProvider"])
    expected, worst = json.loads(options.against.read_text()), 0.0
    for name, pixels in plain_pictures().items():
        (answer,) = session.run(None, {"pictures": fitted(pixels)[None]})
        differs = float(np.abs(answer[0] - np.array(expected[name])).max())
        print(f"{name:8} {np.round(answer[0], 4)}  differs by at most {differs:.7f}")
        worst = max(worst, differs)
    print(f"largest difference {worst:.7f}")
    sys.exit(int(worst > 5e-5))
