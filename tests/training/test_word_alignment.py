from __future__ import annotations

import numpy as np
from hef.training.sem.chinese.piece_embeddings import compose_unseen, embeddings_from_translations
from hef.training.sem.chinese.word_alignment import align_pieces

PAIRS = [
    (["我", "狗", "死"], ["my", "dog", "died"]),
    (["我", "狗"], ["my", "dog"]),
    (["我", "猫"], ["my", "cat"]),
    (["猫", "死"], ["cat", "died"]),
]


def test_a_piece_is_aligned_with_what_it_occurs_with() -> None:
    best = {piece: found[0][0] for piece, found in align_pieces(PAIRS).items()}
    assert best == {"我": "my", "狗": "dog", "猫": "cat", "死": "died"}


def test_probabilities_of_a_piece_fall_and_sum_to_one_at_most() -> None:
    for found in align_pieces(PAIRS).values():
        shares = [share for _, share in found]
        assert shares == sorted(shares, reverse=True)
        assert 0 < sum(shares) <= 1 + 1e-9


def test_a_piece_points_where_its_translation_does() -> None:
    vocabulary = {"dog": 0, "cat": 1, "!": 2}
    embeddings = np.array([[2.0, 0], [0, 2.0], [5.0, 5.0]], dtype=np.float32)
    rows = embeddings_from_translations(["狗", "鸟"], {"狗": [("dog", 0.9), ("!", 0.1)]}, vocabulary, embeddings)
    assert np.allclose(rows, [[2, 0], [1, 1]])


def test_an_untrained_word_is_made_of_its_characters() -> None:
    trained = np.array([[2.0, 0], [0, 2.0], [9.0, 9.0], [9.0, 9.0]], dtype=np.float32)
    composed = compose_unseen(["难", "受", "难受", "魅"], {"难": 9, "受": 9}, trained)
    assert np.allclose(composed[:2], trained[:2])
    assert np.allclose(composed[2], [2**0.5, 2**0.5])
    assert np.allclose(composed[3], [1, 1])
