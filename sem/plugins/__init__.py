"""SEMs on other backends: Hugging Face models, HTTP services, LLMs, lexicons and ensembles."""
