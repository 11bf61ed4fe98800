"""The head that scores tokens as causes of every emotion at once, and its input features from the frozen trunk."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn

from ...contract.dialogue import Word
from ...contract.text import is_content_word
from ...data.cause_annotations import AnnotatedDialogue
from ...sem.runtime.cause_ranking import candidates, word_tokens
from ...sem.runtime.encoding import DialogueEncoder, Encoded, pad
from .emotion_network import EmotionNetwork

LEXICAL = 4
"""Context-free facts about a token: rarity, length, whether it continues a word, whether it is a function word."""
CONTINUES = "##"
"""WordPiece's prefix of a token that continues a word."""
BATCH = 32
"""Dialogues per forward pass of the trunk."""


def build_lexicon(tokenizer: Tokenizer) -> Tensor:
    """Return the lexical facts of each token of a vocabulary, [vocabulary, 4].

    WordPiece numbers its tokens by frequency, so the number's logarithm measures rarity.
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

    A perceptron with one hidden layer: the trunk has encoded the context already. A token's score is the sum of
    one part for all labels, one part per label, a part for its lexical facts, and its contribution to the
    label's logit (class activation mapping, Zhou et al., CVPR 2016), which was trained on far more examples of
    each label than there are marked words. One forward pass serves whichever emotion is requested later.

    Args:
        width: Width of the trunk.
        labels: Number of emotions.
        lexicon: Lexical facts of the vocabulary, [vocabulary, 4].
        layers: Indices of the trunk's hidden states that are read; 0 is the embeddings.
        inner: Hidden units.
        dropout: Dropout rate of inputs and hidden units.
    """

    lexicon: Tensor

    def __init__(
        self, width: int, labels: int, lexicon: Tensor, *, layers: Sequence[int], inner: int = 256, dropout: float = 0.4
    ) -> None:
        super().__init__()
        self.layers = tuple(layers)
        """Indices of the trunk's hidden states that are read; 0 is the embeddings."""
        self.register_buffer("lexicon", lexicon)
        # The names of parameters are keys of the `causes.pt` in run folders.
        self.contextual = nn.Linear(width * len(self.layers), inner)
        self.lexical = nn.Linear(LEXICAL, inner, bias=False)
        self.any_label = nn.Parameter(torch.randn(1, inner) * inner**-0.5)
        self.each_label = nn.Parameter(torch.randn(labels, inner) * 0.3 * inner**-0.5)
        self.prior = nn.Linear(LEXICAL, 1, bias=False)
        self.say = nn.Parameter(torch.tensor(0.1))
        """Weight of a token's contribution to the label's logit."""
        self.dropout = nn.Dropout(dropout)

    def forward(self, hidden_states: Sequence[Tensor], token_logits: Tensor, input_ids: Tensor) -> Tensor:
        """Return the cause score of each token for each label, [batch, tokens, labels].

        Args:
            hidden_states: All hidden states of the trunk, each [batch, tokens, width].
            token_logits: Each token's contribution to the emotion logits, [batch, tokens, labels].
            input_ids: [batch, tokens].
        """
        facts = self.lexicon[input_ids]
        units = self._units(concatenate_layers(hidden_states, self.layers), facts)
        scores: Tensor = nn.functional.linear(units, self.any_label + self.each_label) + self.prior(facts)
        return scores + self.say * centre_over_labels(token_logits)

    def score_tokens(self, states: Tensor, centred_logits: Tensor, input_ids: Tensor, labels: Tensor) -> Tensor:
        """Return the score of each token for its own label, [tokens].

        Args:
            states: `concatenate_layers` of each token, [tokens, layers · width].
            centred_logits: `centre_over_labels` of each token for its own label, [tokens].
            input_ids: [tokens].
            labels: Index of the label of each token, [tokens].
        """
        facts = self.lexicon[input_ids]
        units = self.dropout(self._units(self.dropout(states), facts))
        scores: Tensor = (units * (self.any_label + self.each_label[labels])).sum(-1) + self.prior(facts)[:, 0]
        return scores + self.say * centred_logits

    def _units(self, states: Tensor, facts: Tensor) -> Tensor:
        return nn.functional.gelu(self.contextual(states) + self.lexical(facts))


def centre_over_labels(token_logits: Tensor) -> Tensor:
    """Return token logits minus their mean over all labels, [..., labels]."""
    return token_logits - token_logits.mean(dim=-1, keepdim=True)


def concatenate_layers(hidden_states: Sequence[Tensor], layers: Sequence[int]) -> Tensor:
    """Return the selected layers, each normalised, concatenated, [..., layers · width]."""
    selected = [hidden_states[layer] for layer in layers]
    return torch.cat([nn.functional.layer_norm(states, states.shape[-1:]) for states in selected], dim=-1)


@dataclass(frozen=True, slots=True)
class CauseFeatures:
    """The head's inputs and targets for one dialogue: the tokens of its candidate words."""

    words: tuple[Word, ...]
    """Candidates inside the window."""
    states: Tensor
    """The selected hidden states of their tokens, concatenated, [tokens, layers · width], half precision."""
    centred_logits: Tensor
    """Each token's logit for the emotion minus its mean over all emotions, [tokens]."""
    ids: Tensor
    """Their token ids, [tokens]."""
    word_index: Tensor
    """Index of the word that each token belongs to, [tokens]."""
    targets: Tensor
    """How much each word is a cause, [words]: 1 for those that people marked, or shares."""
    label: int
    """Index of the emotion."""


def select_layers(depth: int) -> tuple[int, ...]:
    """Return the hidden states that a head reads of a trunk of so many layers, evenly from embeddings to last layer."""
    return tuple(sorted({0, depth // 3, 2 * depth // 3, depth}))


def read_features(
    network: EmotionNetwork, encoder: DialogueEncoder, rows: Sequence[AnnotatedDialogue], labels: Sequence[str]
) -> list[CauseFeatures]:
    """Run the trunk once over all rows and return the head's inputs."""
    encoded = encoder.batch([row.turns for row in rows])
    order = sorted(range(len(rows)), key=lambda i: len(encoded[i].ids))
    features: dict[int, CauseFeatures] = {}
    network.eval()
    device = network.classifier.weight.device
    for start in range(0, len(order), BATCH):
        batch = order[start : start + BATCH]
        tensors = {name: torch.from_numpy(array).to(device) for name, array in pad([encoded[i] for i in batch]).items()}
        with torch.no_grad():
            outputs = network(**tensors)
            states = concatenate_layers(outputs.layers, select_layers(network.depth)).half().cpu()
            logits = centre_over_labels(outputs.token_logits.float()).cpu()
        for index, row_states, row_logits in zip(batch, states, logits, strict=True):
            features[index] = _features(rows[index], encoded[index], row_states, row_logits, labels)
    return [features[index] for index in range(len(rows))]


def _features(
    row: AnnotatedDialogue, encoded: Encoded, states: Tensor, centred_logits: Tensor, labels: Sequence[str]
) -> CauseFeatures:
    tokens_by_word = word_tokens(encoded, candidates(row.turns, light=True))
    words = tuple(tokens_by_word)
    tokens = [token for word in words for token in tokens_by_word[word]]
    marked, label = set(row.cause_words), list(labels).index(row.emotion)
    word_index = [number for number, word in enumerate(words) for _ in tokens_by_word[word]]
    return CauseFeatures(
        words=words,
        states=states[tokens],
        centred_logits=centred_logits[tokens, label],
        ids=torch.tensor([encoded.ids[token] for token in tokens], dtype=torch.long),
        word_index=torch.tensor(word_index, dtype=torch.long),
        targets=torch.tensor([float(word in marked) for word in words]),
        label=label,
    )
