"""HEF inside LangChain agents: the middleware, and the reader it is built on."""
