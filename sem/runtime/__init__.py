"""The shipped SEM's runtime: ONNX inference, calibration and cause ranking."""
