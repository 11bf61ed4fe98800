"""The engine of local LLMs: prefix caching, batched scoring and sampling over an ONNX or PyTorch backend.

Why an own engine
    HEF asks three things of a local model: to score 32 labels after one prompt, to write a short reply that
    continues the same prompt, and to start quickly on two CPU cores. The embedded SmolLM2-135M (4 bits) decodes
    61.7 tokens/s here against 17.9 to 24.3 with transformers; 32 labels take 185 ms, 49 ms once the prompt is
    cached; and neither torch nor transformers is imported. Greedy texts equal those of transformers for 20 of
    20 prompts. `python -m hef.bench.local_engine` measures these figures. llama.cpp decodes faster (108 to 136
    tokens/s) but needs a compiler to install. Of ONNX Runtime GenAI only the interface was read, no speed
    measured (docs/experiments/2026-11-28-onnxruntime-genai.md).

The parts, from the bottom
    `backend`          the protocol `Backend`: a network with its tokenizer that computes logits into a key-value cache
    `onnx_backend`     `OnnxBackend`: the embedded model on ONNX Runtime; labels are scored in one pass, as branches
                       of one text that an attention bias keeps apart
    `torch_backend`    `TorchBackend`: any causal language model of transformers
    `tokenizer`        `LightTokenizer`: the tokenizer of the embedded model without importing transformers
    `chat_template`    `Prompter`: messages to a prompt that fits the context window
    `engine`           `Engine`: one loaded backend and the prefix caches of earlier texts, shared by threads
    `sampling`         `Sampling` (settings) and `make_sampler` (logits to the next token)
    `text_stream`      `stream_text`: tokens to text deltas, up to a stop word or the length limit

`hef.llm.LocalChat` is the LangChain chat model on top, `hef.llm.scoring.Scorer` scores choices, and
`hef.llm.weights.loading` chooses the backend for a model.
"""
