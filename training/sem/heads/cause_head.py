"""The head that says which tokens of a dialogue are the cause, for every emotion at once."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from ....contract.text import is_content_word

LEXICAL = 4
"""Facts about a token without its context: rarity, length, whether it goes on a word or is a function word."""
CONTINUES = "##"
"""How WordPiece marks a token that goes on a word."""


def lexicon_of(tokenizer: Tokenizer) -> Tensor:
    """Return the lexical facts of each token of a vocabulary, [vocabulary, 4].

    WordPiece numbers its tokens by how often they occur, so the number's logarithm is a rarity.
    """
    size = tokenizer.get_vocab_size()
    lexicon = torch.zeros(size, LEXICAL)
    for token, number in tokenizer.get_vocab().items():
        letters = token.removeprefix(CONTINUES)
        rarity = 4 * math.log(number + 1) / math.log(size + 1) - 3
        length = min(len(letters), 10) / 5 - 1
        continues = letters != token
        lexicon[number] = torch.tensor([rarity, length, continues, not continues and not is_content_word(letters)])
    return lexicon


class CauseHead(nn.Module):
    """Score every token as a cause of every label, from a trunk's hidden states.

    A perceptron with one hidden layer: the trunk has seen the context already. A token's score is
    one part for all labels, one part a label, a part of its lexical facts, and its own say in the
    label's logit (class activation mapping, Zhou et al., CVPR 2016), which has seen far more of
    each label than marked words have. One forward pass serves whichever emotion is asked for later.

    Args:
        width: Width of the trunk.
        labels: How many emotions there are.
        lexicon: Lexical facts of the vocabulary, [vocabulary, 4].
        layers: Which of the trunk's hidden states are read; 0 is the embeddings.
        inner: Hidden units.
        dropout: Share of inputs and hidden units left out while learning.
    """

    lexicon: Tensor

    def __init__(
        self, width: int, labels: int, lexicon: Tensor, *, layers: Sequence[int], inner: int = 256, dropout: float = 0.4
    ) -> None:
        super().__init__()
        self.layers = tuple(layers)
        """Which of the trunk's hidden states are read; 0 is the embeddings."""
        self.register_buffer("lexicon", lexicon)
        self.contextual = nn.Linear(width * len(self.layers), inner)
        self.lexical = nn.Linear(LEXICAL, inner, bias=False)
        self.any_label = nn.Parameter(torch.randn(1, inner) * inner**-0.5)
        self.each_label = nn.Parameter(torch.randn(labels, inner) * 0.3 * inner**-0.5)
        self.prior = nn.Linear(LEXICAL, 1, bias=False)
        self.say = nn.Parameter(torch.tensor(0.1))
        self.dropout = nn.Dropout(dropout)

    def forward(self, hidden_states: Sequence[Tensor], token_logits: Tensor, input_ids: Tensor) -> Tensor:
        """Return the cause score of each token for each label, [batch, tokens, labels].

        Args:
            hidden_states: All hidden states of the trunk, each [batch, tokens, width].
            token_logits: Each token's part of the emotion logits, [batch, tokens, labels].
            input_ids: [batch, tokens].
        """
        facts = self.lexicon[input_ids]
        units = self._units(join(hidden_states, self.layers), facts)
        scores: Tensor = nn.functional.linear(units, self.any_label + self.each_label) + self.prior(facts)
        return scores + self.say * over_labels(token_logits)

    def of_joined(self, joined: Tensor, said: Tensor, input_ids: Tensor, columns: Tensor) -> Tensor:
        """Return the score of each token for its own label, [tokens].

        Args:
            joined: What `join` gives for each token, [tokens, layers · width].
            said: What `over_labels` gives for each token and its own label, [tokens].
            input_ids: [tokens].
            columns: Index of the label asked for at each token, [tokens].
        """
        facts = self.lexicon[input_ids]
        units = self.dropout(self._units(self.dropout(joined), facts))
        scores: Tensor = (units * (self.any_label + self.each_label[columns])).sum(-1) + self.prior(facts)[:, 0]
        return scores + self.say * said

    def _units(self, joined: Tensor, facts: Tensor) -> Tensor:
        return nn.functional.gelu(self.contextual(joined) + self.lexical(facts))


def over_labels(token_logits: Tensor) -> Tensor:
    """Return how much more a token says for each label than for all of them on average, [..., labels]."""
    return token_logits - token_logits.mean(dim=-1, keepdim=True)


def join(hidden_states: Sequence[Tensor], layers: Sequence[int]) -> Tensor:
    """Return the layers that are read side by side, each normalised, [..., layers · width]."""
    chosen = [hidden_states[layer] for layer in layers]
    return torch.cat([nn.functional.layer_norm(one, one.shape[-1:]) for one in chosen], dim=-1)
