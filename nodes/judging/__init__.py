"""How an LLM judges the emotion: prompts, structured output, answers in words, and retries."""
