"""The weights of local LLMs: loading, GGUF conversion, the ONNX graph and the LoRA adapter."""
