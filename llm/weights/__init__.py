"""The embedded LLM's weights: GGUF conversion, the ONNX graph and the LoRA adapter."""
