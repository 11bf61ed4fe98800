"""The bilingual SEM: English and Chinese, the current topic, and turns without an emotion."""
