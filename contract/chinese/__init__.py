"""Chinese text: simplified characters in the place of traditional ones, and words, between which it has no blanks."""
