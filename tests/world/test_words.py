"""The words of the simulated company: many texts, in one language each, that tell the truth at the stated shares."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
from knowpay.world import words
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

N = 20_000
ENOUGH, DRAWS = 100, 5_000
WRITERS = {"review": words.review_text, "leaving": words.leaving_text, "ticket": words.ticket_text}
LABELS = {"review": words.ASPECTS, "leaving": words.CAUSES, "ticket": words.TOPICS}


def write(kind: str, label: np.ndarray, sentiment: np.ndarray, chinese: np.ndarray, seed: int = 0) -> np.ndarray:
    codes = (label, chinese) if kind == "leaving" else (label, sentiment, chinese)
    return WRITERS[kind](*codes, np.random.default_rng(seed))


def sample(kind: str, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return texts with their label, sentiment and language, 70 % of them Chinese."""
    rng = np.random.default_rng([1, seed])
    label, sentiment, chinese = rng.integers(len(LABELS[kind]), size=N), rng.integers(-1, 2, N), rng.random(N) < 0.7
    return write(kind, label, sentiment, chinese, seed), label, sentiment, chinese


def built(*parts: tuple[str, ...]) -> set[str]:
    return {"".join(chosen) for chosen in product(*parts)}


def cell(bank: words.Bank, *axes: int) -> tuple[str, ...]:
    """Return the sentences of the cell at these positions."""
    return list(bank.cells.values())[np.ravel_multi_index(axes, bank.shape)]


def reviews(aspect: int, mood: int, closing: int, language: int) -> set[str]:
    return built(
        cell(words._REVIEW_OPENING, language),
        cell(words._REVIEW, aspect, mood, language),
        cell(words._REVIEW_CLOSING, closing, language),
    )


def as_stated(hits: np.ndarray, share: float) -> bool:
    return abs(np.mean(hits) - share) < 4 * np.sqrt(share * (1 - share) / len(hits))


def test_keys_stand_in_the_order_of_the_codes() -> None:
    moods = (-1, 0, 1)
    assert list(words.REVIEW) == list(product((*words.ASPECTS, "none"), moods))
    assert list(words.LEAVING) == [(cause,) for cause in (*words.CAUSES, "none")]
    assert list(words.TICKET) == list(product(words.TOPICS, moods))
    assert list(words.REVIEW_CLOSING) == [(-1,), (0,), (1,), ("ironic",)]
    assert list(words.TICKET_OPENING) == list(words.TICKET_CLOSING) == [(mood,) for mood in moods]


@pytest.mark.parametrize("bank", [words._REVIEW, words._LEAVING, words._TICKET], ids=["review", "leaving", "ticket"])
def test_a_core_stands_in_one_cell_only(bank: words.Bank) -> None:
    assert len(set(bank.sentences)) == len(bank.sentences)
    assert bank.size.min() >= 5


@pytest.mark.parametrize("kind", WRITERS)
def test_every_cell_has_many_texts(kind: str) -> None:
    for label, sentiment, chinese in product(range(len(LABELS[kind])), (-1, 0, 1), (False, True)):
        codes = (np.full(DRAWS, code) for code in (label, sentiment, chinese))
        assert len(set(write(kind, *codes))) >= ENOUGH, (label, sentiment, chinese)


@pytest.mark.parametrize("kind", WRITERS)
def test_texts_keep_to_one_language_and_hold_no_numbers(kind: str) -> None:
    texts, _, _, chinese = sample(kind)
    assert texts.dtype == object and all(type(text) is str for text in texts)
    assert not any(re.search(r"\d|@|  |^\s|\s$", text) for text in texts)
    assert not any(re.search(r"[A-Za-z ]", text) for text in texts[chinese])
    assert all(text.isascii() for text in texts[~chinese])


@pytest.mark.parametrize("kind", WRITERS)
def test_same_state_same_texts_other_state_other_texts(kind: str) -> None:
    texts, label, sentiment, chinese = sample(kind)
    assert (write(kind, label.astype(np.int8), sentiment.astype(np.int8), chinese) == texts).all()
    assert (write(kind, label, sentiment, chinese, seed=1) != texts).mean() > 0.9
    none = np.zeros(0, dtype=int)
    assert write(kind, none, none, none.astype(bool)).shape == (0,)


def test_reviews_say_what_they_are_about_at_the_stated_shares() -> None:
    texts, aspect, sentiment, chinese = sample("review")
    muted, ironic = np.zeros(N, dtype=bool), np.zeros(N, dtype=bool)
    for a, m, z in product(range(3), range(3), (0, 1)):
        rows = np.flatnonzero((aspect == a) & (sentiment == m - 1) & (chinese == z))
        plain, vague, praise = reviews(a, m, m, z), reviews(3, m, m, z), reviews(a, 2, 3, z) if m == 0 else set()
        assert set(texts[rows]) <= plain | vague | praise
        muted[rows] = [text in vague for text in texts[rows]]
        ironic[rows] = [text in praise for text in texts[rows]]
    assert as_stated(muted, words.MUTED)
    assert as_stated(ironic[sentiment == -1], words.IRONIC)
    assert set(texts[ironic]) & set(texts[sentiment == 1]), "some sarcasm reads like plain praise"


def test_leavers_keep_their_reason_to_themselves_at_the_stated_share() -> None:
    texts, cause, _, chinese = sample("leaving")
    vague = np.zeros(N, dtype=bool)
    for c, z in product(range(len(words.CAUSES)), (0, 1)):
        rows = np.flatnonzero((cause == c) & (chinese == z))
        opening, closing = cell(words._LEAVING_OPENING, z), cell(words._LEAVING_CLOSING, z)
        silent = built(opening, cell(words._LEAVING, len(words.CAUSES), z), closing)
        assert set(texts[rows]) <= silent | built(opening, cell(words._LEAVING, c, z), closing)
        vague[rows] = [text in silent for text in texts[rows]]
    assert as_stated(vague, words.VAGUE)


def test_messages_add_a_question_on_another_topic_at_the_stated_share() -> None:
    texts, topic, sentiment, chinese = sample("ticket")
    mixed = np.array([any(link in text for link in words._TICKET_LINK.sentences) for text in texts])
    assert as_stated(mixed, words.MIXED)
    for t, m, z in product(range(len(words.TOPICS)), range(3), (0, 1)):
        mine = (topic == t) & (sentiment == m - 1) & (chinese == z)
        opening, closing = cell(words._TICKET_OPENING, m, z), cell(words._TICKET_CLOSING, m, z)
        assert set(texts[mine & ~mixed]) <= built(opening, cell(words._TICKET, t, m, z), closing)
        again = built(cell(words._TICKET_LINK, z), cell(words._TICKET, t, 1, z))
        assert not any(question in text for text in texts[mine & mixed] for question in again)


@pytest.mark.parametrize("kind", WRITERS)
def test_a_classifier_recovers_the_label_well_but_not_perfectly(kind: str) -> None:
    texts, label, _, _ = sample(kind)
    model = make_pipeline(
        TfidfVectorizer(analyzer="char", ngram_range=(2, 4), min_df=2), LogisticRegression(C=10, max_iter=300)
    )
    accuracy = model.fit(texts[:4_000], label[:4_000]).score(texts[4_000:8_000], label[4_000:8_000])
    assert 0.75 < accuracy < 0.99
    assert accuracy > 2 / len(words.ASPECTS) if kind == "review" else accuracy > 3 / len(LABELS[kind])


@pytest.mark.parametrize(
    "writer, codes, sentence",
    [
        (words.review_text, ([3], [0], [True]), r"aspect has the unknown code 3; use one of 0 \(content\), 1"),
        (words.review_text, ([0], [2], [True]), r"sentiment has the unknown code 2; use one of -1 \(negative\), 0"),
        (words.review_text, ([0.0], [0], [True]), "aspect must be a flat array of whole numbers"),
        (words.leaving_text, ([-1], [True]), r"cause has the unknown code -1; use one of 0 \(price\)"),
        (
            words.leaving_text,
            ([1, 2], [True]),
            r"cause must be a flat array of whole numbers, as long as chinese \(1\)",
        ),
        (words.ticket_text, ([7], [0], [True]), "topic has the unknown code 7"),
        (words.ticket_text, ([0], [0], [1]), "chinese must be a flat array of True and False"),
    ],
)
def test_wrong_codes_are_refused_with_a_sentence(
    writer: Callable[..., np.ndarray], codes: tuple[list, ...], sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        writer(*map(np.array, codes), np.random.default_rng(0))
