"""Fine-tuning of the embedded LLM: a LoRA adapter for HEF's own prompts, judgement and reply together."""
