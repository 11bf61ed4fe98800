"""HEF inside LangChain agents: the middleware, and the reader that it is built on."""
