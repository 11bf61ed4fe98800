"""The engine of the embedded LLM: prefix caching, batched scoring and sampling over an ONNX or PyTorch backend."""
