"""A two-tower course recommender in plain Keras 3, the same code on every backend.

One tower turns a person (what they opened, who they say they are) into a vector, the other a course (its id, words,
price, kind, rating); the score is their scaled dot product. It learns by a softmax over the courses of the batch with
the log-Q correction for how often a course is drawn (Yi et al. 2019). Keras is imported inside functions only.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.base import BaseEstimator

SCORE_BATCH = 8_192
TEMPERATURE = 0.2  # of the softmax
STEPS = 64  # batches per epoch, at most
PATIENCE = 2  # epochs without gain before training stops


@dataclass(frozen=True)
class Examples:
    """What to learn: the person in row `row` of `history` and `profile` opened course `item` in window `period`.

    history: (rows, items), interest before the window; profile: (rows, fields) codes below `sizes`; features:
    (items, f); row, item, period: (examples,); released: (items,) first period that offered the course.
    leave_out: the example's own course is part of the history and has to be taken out (undated data).
    """

    history: sparse.csr_matrix
    profile: np.ndarray
    sizes: tuple[int, ...]
    features: np.ndarray
    row: np.ndarray
    item: np.ndarray
    period: np.ndarray
    released: np.ndarray
    leave_out: bool = False


def from_windows(
    windows: Sequence[tuple[sparse.csr_matrix, sparse.csr_matrix]],
    profile: np.ndarray,
    sizes: tuple[int, ...],
    features: np.ndarray,
    published: np.ndarray,
) -> Examples:
    """Examples from pairs (interest before, opened in), as `recommender.windows` gives them.

    A course counts as offered from the first window in which anybody opened it; `published` (items,) is true for the
    courses on sale before the first window.
    """
    rows, items, periods = [], [], []
    for number, (_, opened) in enumerate(windows):
        person, course = opened.nonzero()
        rows.append(number * len(profile) + person)  # each window has rows of its own for the same people
        items.append(course)
        periods.append(np.full(len(course), number))
    item, period = np.concatenate(items), np.concatenate(periods)  # (examples,)
    first = np.full(len(features), len(windows))  # the first window in which anybody opened the course, (items,)
    np.minimum.at(first, item, period)
    return Examples(
        history=sparse.vstack([before for before, _ in windows]).tocsr(),
        profile=np.tile(profile, (len(windows), 1)),
        sizes=sizes,
        features=features,
        row=np.concatenate(rows),
        item=item,
        period=period,
        released=np.where(published, 0, first),
    )


def undated(history: sparse.csr_matrix, features: np.ndarray) -> Examples:
    """Examples from interest without dates and without profiles: each course against the others of the same person."""
    row, item = history.nonzero()
    return Examples(
        history=history,
        profile=np.zeros((history.shape[0], 1), dtype="int32"),
        sizes=(1,),
        features=features,
        row=row,
        item=item,
        period=np.zeros(len(row), dtype=int),
        released=np.zeros(len(features), dtype=int),
        leave_out=True,
    )


def log_share(item: np.ndarray, n_items: int) -> np.ndarray:
    """log of the share of the examples that each course has, float32, (items,); half an example is added to each."""
    count = np.bincount(item, minlength=n_items) + 0.5
    return np.log(count / count.sum()).astype("float32")


def towers(examples: Examples, width: int) -> tuple[Any, Any, Any]:
    """Untrained models: both towers (two unit vectors side by side), the person tower, the course tower."""
    import keras
    from keras import layers

    n_items, n_features = examples.features.shape
    history = keras.Input((n_items,), name="history")
    profile = keras.Input((len(examples.sizes),), dtype="int32", name="profile")
    # A row of weights that sum to one, times a table, is the weighted mean of the embeddings of the opened courses.
    taste = layers.Dense(width, use_bias=False, name="mean_of_history")(history)
    facts = [layers.Embedding(n, 8, name=f"profile_{i}")(profile[:, i]) for i, n in enumerate(examples.sizes)]
    mixed = layers.Dense(2 * width, activation="relu")(layers.Concatenate()([taste, *facts]))
    person = layers.UnitNormalization()(layers.Add()([taste, layers.Dense(width)(mixed)]))

    item = keras.Input((), dtype="int32", name="item")
    features = keras.Input((n_features,), name="features")
    # Ids start at zero: a course that nobody could open yet is described by its features alone.
    known = layers.Embedding(n_items, width, embeddings_initializer="zeros", name="course_id")(item)
    course = layers.UnitNormalization()(layers.Add()([known, layers.Dense(width, name="described")(features)]))

    inputs = [history, profile, item, features]
    return (
        keras.Model(inputs, layers.Concatenate()([person, course])),
        keras.Model(inputs[:2], person),
        keras.Model(inputs[2:], course),
    )


def in_batch_softmax(log_q: np.ndarray, released: np.ndarray, temperature: float) -> Callable[[Any, Any], Any]:
    """The loss: each example's course against all courses of its batch.

    y_true: (batch, 2) course and period; y_pred: (batch, 2 x width) the two unit vectors. A course that comes into the
    batch with probability q is a negative that much too often, so log q (items,) comes off its logit. The same course
    elsewhere in the batch is no negative, nor is one that was not offered in the example's period.
    """
    from keras import ops

    log_q, released = ops.convert_to_tensor(log_q, "float32"), ops.convert_to_tensor(released, "int32")

    def loss(y_true: Any, y_pred: Any) -> Any:
        item, period = ops.cast(y_true[:, 0], "int32"), ops.cast(y_true[:, 1], "int32")
        person, course = ops.split(y_pred, 2, axis=-1)
        logits = ops.matmul(person, ops.transpose(course)) / temperature - ops.take(log_q, item)[None, :]
        same = ops.logical_and(
            item[:, None] == item[None, :], ops.logical_not(ops.eye(ops.shape(item)[0], dtype="bool"))
        )
        barred = ops.logical_or(same, ops.take(released, item)[None, :] > period[:, None])
        logits = ops.where(barred, -1e9, logits)
        return ops.logsumexp(logits, axis=-1) - ops.diagonal(logits)

    return loss


def shares(history: sparse.csr_matrix) -> np.ndarray:
    """History rows that sum to one (or to zero), float32."""
    rows = history.toarray().astype("float32")
    return rows / np.maximum(rows.sum(axis=1, keepdims=True), 1e-9)


class TwoTower(BaseEstimator):
    """The recommender: width of the vectors, examples per batch, epochs at most, learning rate, whether log-Q corrects.

    Learned: ``person_`` and ``course_``, the towers; ``features_`` of the courses, (items, f); ``log_`` of the
    training (`epoch, loss, ndcg` on the validation window).
    """

    def __init__(
        self,
        width: int = 32,
        batch: int = 1024,
        epochs: int = 20,
        rate: float = 3e-3,
        corrected: bool = True,
        seed: int = 0,
    ) -> None:
        self.width, self.batch, self.epochs, self.rate = width, batch, epochs, rate
        self.corrected, self.seed = corrected, seed

    def fit(self, examples: Examples, validate: Callable[[TwoTower], float]) -> Self:
        """Train until `validate` (larger is better) has not gained for `PATIENCE` epochs; go back to its best epoch.

        The same examples, settings, seed, backend and one thread give the same model. Raises ValueError when there is
        less than one batch to learn from.
        """
        with _no_greeting():
            import keras

        if len(examples.item) < self.batch:
            raise ValueError(f"{len(examples.item)} examples are less than one batch of {self.batch}.")
        keras.utils.set_random_seed(self.seed)
        both, self.person_, self.course_ = towers(examples, self.width)
        self.features_ = examples.features
        log_q = log_share(examples.item, len(examples.features)) * self.corrected
        both.compile(
            optimizer=keras.optimizers.Adam(self.rate),
            loss=in_batch_softmax(log_q, examples.released, TEMPERATURE),
            jit_compile=False if keras.backend.backend() == "tensorflow" else "auto",  # XLA is slower here on a CPU
        )
        rng, log, best, weights = np.random.default_rng(self.seed), [], -np.inf, both.get_weights()
        for epoch in range(self.epochs):
            losses = [both.train_on_batch(*batch) for batch in batches(examples, self.batch, rng)]
            value = validate(self)
            log.append({"epoch": epoch + 1, "loss": float(np.mean(losses)), "ndcg": value})
            if value > best:
                best, weights = value, both.get_weights()
            elif epoch - int(np.argmax([row["ndcg"] for row in log])) >= PATIENCE:
                break
        both.set_weights(weights)
        self.log_ = pd.DataFrame(log)
        return self

    def predict(self, history: sparse.csr_matrix, profile: np.ndarray) -> np.ndarray:
        """Scores (people, items). With the log-Q correction they are log probabilities up to a constant per person."""
        from keras import ops

        def vectors(tower: Any, *inputs: np.ndarray) -> np.ndarray:  # predict() would take longer to start than to run
            return ops.convert_to_numpy(tower([ops.convert_to_tensor(x) for x in inputs], training=False))

        courses = vectors(self.course_, np.arange(len(self.features_), dtype="int32"), self.features_)  # (items, width)
        parts = []
        for start in range(0, history.shape[0], SCORE_BATCH):
            part = slice(start, start + SCORE_BATCH)
            people = vectors(self.person_, shares(history[part]), profile[part])  # (people, width)
            parts.append(people @ courses.T / TEMPERATURE)
        return np.concatenate(parts)


@contextlib.contextmanager
def _no_greeting() -> Iterator[None]:
    """Keep from the reader what TensorFlow says as it is imported, part of it before it reads its log level.

    It writes to the process's own standard error, where neither `warnings` nor `logging` reach; a failed import raises.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def batches(examples: Examples, size: int, rng: np.random.Generator) -> Iterator[tuple[list, np.ndarray]]:
    """Yield one epoch of shuffled (inputs, targets) of equal size: all examples, or `STEPS` batches drawn from them."""
    order = rng.permutation(len(examples.item))[: size * min(STEPS, len(examples.item) // size)]
    for pick in order.reshape(-1, size):
        row, item = examples.row[pick], examples.item[pick]
        history = examples.history[row].toarray().astype("float32")  # (size, items)
        if examples.leave_out:
            history[np.arange(size), item] = 0
        history /= np.maximum(history.sum(axis=1, keepdims=True), 1e-9)
        targets = np.column_stack([item, examples.period[pick]])
        yield [history, examples.profile[row], item, examples.features[item]], targets
