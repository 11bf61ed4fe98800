"""A tiny encoder with untrained weights, and conversations that it can learn."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from hef.contract import Turn
from hef.data.conversations import Conversation
from hef.sem import Taxonomy
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from tokenizers.normalizers import BertNormalizer
from tokenizers.pre_tokenizers import BertPreTokenizer
from tokenizers.processors import TemplateProcessing

TINY = Taxonomy("tiny", ("sad", "joyful", "afraid"))
SAID = {
    "sad": ["my dog died", "my friend moved away", "i lost my ring", "nobody came to see me"],
    "joyful": ["i got the job", "we won the game", "my son can walk", "the sun is out"],
    "afraid": ["i heard a noise", "the dark scares me", "a bear came near", "the plane shook"],
}
CONVERSATIONS = [
    Conversation(
        conv_id=f"{emotion}{number}",
        emotion=emotion,
        situation=f"once {text}",
        turns=(
            Turn("speaker", text),
            Turn("listener", "oh what was it like"),
            Turn("speaker", f"i feel so {emotion}"),
            Turn("listener", "i see"),
        ),
    )
    for emotion, texts in SAID.items()
    for number, text in enumerate(texts)
]
SHAPE: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "initializer_range": 0.3,
}


def write_bert(folder: Path) -> Path:
    """Write a BERT: special tokens by BERT's names, token types."""
    from transformers import BertConfig, BertModel

    tokenizer = _tokenizer(["[PAD]", *(f"[unused{i}]" for i in range(99)), "[UNK]", "[CLS]", "[SEP]"])
    torch.manual_seed(0)
    BertModel(BertConfig(vocab_size=tokenizer.get_vocab_size(), **SHAPE), add_pooling_layer=False).save_pretrained(
        folder
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def write_mpnet(folder: Path) -> Path:
    """Write an MPNet: other special tokens, no token types."""
    from transformers import MPNetConfig, MPNetModel

    tokenizer = _tokenizer(["<s>", "<pad>", "</s>", "[UNK]"])
    torch.manual_seed(0)
    shape = {**SHAPE, "num_hidden_layers": 2}
    MPNetModel(MPNetConfig(vocab_size=tokenizer.get_vocab_size(), **shape), add_pooling_layer=False).save_pretrained(
        folder
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def write_classifier(folder: Path, kind: str, labels: Sequence[str], **config: Any) -> Path:
    """Write a random text classifier of any architecture of transformers, such as "roberta", and its tokenizer."""
    from transformers import AutoConfig, AutoModelForSequenceClassification, PreTrainedTokenizerFast

    names = {"cls_token": "<s>", "pad_token": "<pad>", "sep_token": "</s>", "unk_token": "[UNK]"}
    tokenizer = _tokenizer([*names.values(), "a"])
    tokenizer.post_processor = TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    torch.manual_seed(0)
    shape = {**SHAPE, "vocab_size": tokenizer.get_vocab_size(), "id2label": dict(enumerate(labels))}
    shape |= {"pad_token_id": 1, "label2id": {label: number for number, label in enumerate(labels)}}
    model = AutoModelForSequenceClassification.from_config(AutoConfig.for_model(kind, **{**shape, **config}))
    model.save_pretrained(folder)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names).save_pretrained(folder)
    return folder


def _tokenizer(specials: list[str]) -> Tokenizer:
    texts = [turn.text for conversation in CONVERSATIONS for turn in conversation.turns]
    words = sorted({word for text in texts for word in text.split()} | {"once"})
    model = WordPiece({token: i for i, token in enumerate([*specials, *words])}, unk_token="[UNK]")
    tokenizer = Tokenizer(model)
    tokenizer.normalizer, tokenizer.pre_tokenizer = BertNormalizer(), BertPreTokenizer()
    return tokenizer
