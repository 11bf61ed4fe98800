from __future__ import annotations

import pytest
import torch
from hef.contract import Turn
from hef.data.conversations import Conversation
from hef.sem.runtime.encoding import DialogueEncoder
from hef.training.sem.embedding_head import EmbeddingHead, pool_layers, train_embedding_head
from hef.training.sem.emotion_network import EmotionNetwork, Forward
from tiny_encoder import SAID, write_bert
from tokenizers import Tokenizer

PAIRS = list(zip(SAID["sad"], SAID["afraid"], strict=True))
"""Texts that tell of each other, though no word says so."""


@pytest.fixture(scope="module")
def trunk(tmp_path_factory: pytest.TempPathFactory) -> tuple[EmotionNetwork, Forward]:
    folder = write_bert(tmp_path_factory.mktemp("tiny") / "bert")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    return EmotionNetwork.from_backbone(folder, 3), Forward(DialogueEncoder(tokenizer), torch.device("cpu"))


def recall(head: EmbeddingHead, trunk: tuple[EmotionNetwork, Forward]) -> float:
    """Return how often a first utterance finds its own situation."""
    network, forward = trunk
    network.eval()
    with torch.no_grad():
        sides = []
        for side in (0, 1):
            rows = forward.encoder.batch([[Turn("speaker", pair[side])] for pair in PAIRS])
            mask = torch.zeros(len(rows), 8)
            for place, row in enumerate(rows):
                mask[place, : len(row.ids)] = 1
            sides.append(head(forward(network, rows).layers, mask))
    found = (sides[0] @ sides[1].T).argmax(dim=1)
    return float((found == torch.arange(len(PAIRS))).float().mean())


def test_fitted_head_finds_what_an_utterance_is_about(trunk: tuple[EmotionNetwork, Forward]) -> None:
    conversations = [
        Conversation(str(i), "sad", about, (Turn("speaker", said),)) for i, (said, about) in enumerate(PAIRS)
    ]

    fitted = train_embedding_head(*trunk, conversations * 600)

    assert recall(fitted, trunk) > 0.8 > recall(EmbeddingHead(32, 2), trunk)


def test_fitting_leaves_the_trunk_as_it_is(trunk: tuple[EmotionNetwork, Forward]) -> None:
    before = {name: weight.clone() for name, weight in trunk[0].state_dict().items()}

    train_embedding_head(*trunk, [Conversation("a", "sad", "my dog died", (Turn("speaker", "once"),))] * 4)

    assert all(torch.equal(before[name], weight) for name, weight in trunk[0].state_dict().items())


def test_vectors_are_of_unit_length_and_do_not_see_padding() -> None:
    head = EmbeddingHead(4, 2)
    layers = [torch.randn(1, 3, 4), torch.randn(1, 3, 4)]
    padded = [torch.cat([layer, torch.full((1, 2, 4), 9.0)], dim=1) for layer in layers]

    alone = head(layers, torch.tensor([[1, 1, 1]]))

    assert torch.allclose(alone.norm(dim=-1), torch.ones(1))
    assert torch.allclose(alone, head(padded, torch.tensor([[1, 1, 1, 0, 0]])), atol=1e-6)
    assert pool_layers(layers, torch.tensor([[1, 1, 1]])).shape == (1, 8)
