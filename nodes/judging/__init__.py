"""The LLM's judgement of the emotion: prompts, structured output and answers in words."""
