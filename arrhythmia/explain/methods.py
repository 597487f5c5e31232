"""Methods that say what in a beat, in its timing and in its neighbours speaks for a class.

Each takes a classifier and a `Comparison` and gives evidence for every atom of it (see
`arrhythmia.explain.reference`): positive speaks for the target class. None leaves out the timing.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from arrhythmia.classifier import Classifier
from arrhythmia.explain.reference import Comparison, log_odds
from arrhythmia.labels import BEAT_CLASSES

STEPS = 24
"""Points along the path of integrated gradients."""
ORDERS = 12
"""Random orders of SHAP, each there and back."""
SAMPLES = 500
"""Random variants of LIME."""
KERNEL = 0.25
"""Width of LIME's kernel over the share of parts left out."""


def grad_cam(classifier: Classifier, comparison: Comparison) -> np.ndarray:
    """Grad-CAM (Selvaraju et al., Int. J. Comput. Vis. 128 (2020) 336-359) in one dimension.

    The score before the softmax is differentiated by the activations of each beat's last
    convolutional block; the gradients, averaged over time, weigh the activations' sum, and what
    is negative in it is dropped. RR inputs, which no convolution sees, count with their
    gradient times their distance from the reference.
    """
    features, gradients, timing = _gradients(classifier, comparison)
    weights = gradients.mean(axis=1, keepdims=True)
    return _from_features(comparison, (features * weights).sum(axis=2), timing)


def grad_cam_plus_plus(classifier: Classifier, comparison: Comparison) -> np.ndarray:
    """Grad-CAM++ (Chattopadhay et al., WACV 2018): places with a gradient count on their own.

    Second and third derivatives are the powers of the gradient that they are for the
    exponential of the score. The maps are brought to the height that Grad-CAM gives them, so
    that the RR inputs, which count as in `grad_cam`, have the weight beside them that they have
    there.
    """
    features, gradients, timing = _gradients(classifier, comparison)
    square, cube = gradients**2, gradients**3
    total = 2 * square + features.sum(axis=1, keepdims=True) * cube
    alpha = square / np.where(np.abs(total) > 1e-12, total, 1.0)
    weights = (alpha * np.maximum(gradients, 0)).sum(axis=1, keepdims=True)
    maps = np.maximum((features * weights).sum(axis=2), 0)
    plain = np.maximum((features * gradients.mean(axis=1, keepdims=True)).sum(axis=2), 0)
    scale = plain.sum() / maps.sum() if maps.sum() > 1e-12 else 0.0
    return _from_features(comparison, maps * scale, timing)


def integrated_gradients(classifier: Classifier, comparison: Comparison) -> np.ndarray:
    """Integrated gradients (Sundararajan et al., ICML 2017) from the reference to the beat.

    Of the log odds of the target class; the evidence of all atoms sums to their difference.
    """
    from arrhythmia.backend import tf

    target = BEAT_CLASSES.index(comparison.target_class)
    steps = (np.arange(STEPS) + 0.5) / STEPS
    kept = np.repeat(steps[:, None], sum(comparison.sizes), axis=1)
    segments, rr = map(tf.constant, comparison.inputs(kept))
    with tf.GradientTape() as tape:
        tape.watch([segments, rr])
        scores = classifier.scores(segments, rr)[:, comparison.here]
        others = tf.concat([scores[:, :target], scores[:, target + 1 :]], axis=1)
        total = tf.reduce_sum(scores[:, target] - tf.reduce_logsumexp(others, axis=1))
    by_shape, by_rr = (g.numpy().mean(axis=0) for g in tape.gradient(total, [segments, rr]))
    shapes = (by_shape * (comparison.segments - comparison.reference_segments)).sum(axis=2)
    return _atoms(comparison, shapes, by_rr * (comparison.rr - comparison.reference_rr))


def occlusion(classifier: Classifier, comparison: Comparison) -> np.ndarray:
    """What the log odds lose when one part after another is as in the reference.

    After Zeiler & Fergus (ECCV 2014), with waves, groups of RR inputs and neighbours as parts.
    """
    names_and_masks = comparison.wave_parts()
    kept = np.array([~mask for _, mask in names_and_masks] + [np.ones(sum(comparison.sizes))])
    odds = log_odds(classifier, comparison, kept)
    return _divide(comparison, odds[-1] - odds[:-1])


def shap_values(classifier: Classifier, comparison: Comparison, orders: int = ORDERS) -> np.ndarray:
    """Shapley values (Lundberg & Lee, NeurIPS 2017) of the same parts.

    Parts are put in one after another, in random orders and each order backwards too; the value
    of a part is what it adds on average. That is the permutation method of the package ``shap``
    (Mitchell et al., J. Mach. Learn. Res. 23 (2022) 43), with which the tests compare it; ``shap``
    itself takes as long to import as TensorFlow.
    """
    masks = np.array([mask for _, mask in comparison.wave_parts()])
    rng = np.random.default_rng(0)
    forward = [rng.permutation(len(masks)) for _ in range(orders)]
    order = np.array([way for one in forward for way in (one, one[::-1])])
    rank = np.argsort(order, axis=1)
    on = rank[:, None] < np.arange(len(masks) + 1)[:, None]  # after none, one, two … parts
    odds = log_odds(classifier, comparison, _kept(on.reshape(-1, len(masks)), masks))
    gains = np.diff(odds.reshape(len(order), -1), axis=1)
    return _divide(comparison, np.take_along_axis(gains, rank, axis=1).mean(axis=0))


def lime(classifier: Classifier, comparison: Comparison) -> np.ndarray:
    """LIME (Ribeiro et al., KDD 2016): a linear model of the log odds around the beat.

    Parts are left out at random; variants near the whole beat count more.
    """
    from sklearn.linear_model import Ridge

    masks = np.array([mask for _, mask in comparison.wave_parts()])
    rng = np.random.default_rng(0)
    share = rng.uniform(0.3, 1.0, (SAMPLES, 1))
    on = (rng.random((SAMPLES, len(masks))) < share).astype(float)
    on[0] = 1
    odds = log_odds(classifier, comparison, _kept(on, masks))
    distance = 1 - np.sqrt(on.mean(axis=1))  # cosine to the whole beat
    weights = np.exp(-((distance / KERNEL) ** 2))
    return _divide(comparison, Ridge(alpha=1.0).fit(on, odds, sample_weight=weights).coef_)


METHODS: dict[str, Callable[[Classifier, Comparison], np.ndarray]] = {
    "grad-cam": grad_cam,
    "grad-cam++": grad_cam_plus_plus,
    "integrated-gradients": integrated_gradients,
    "occlusion": occlusion,
    "shap": shap_values,
    "lime": lime,
}


def _gradients(
    classifier: Classifier, comparison: Comparison
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Activations of the last convolutional block, and gradients of the score.

    Returns
    -------
    features, gradients : ndarray, shape (run, time, filters)
    timing : ndarray, shape (run, inputs)
        Gradient by the RR inputs, times their distance from the reference.
    """
    from arrhythmia.backend import tf

    encoder, _ = classifier.halves
    last = max(i for i, layer in enumerate(encoder.layers) if layer.name.startswith("relu"))
    x, rr = tf.constant(comparison.segments), tf.constant(comparison.rr)
    for layer in encoder.layers[1 : last + 1]:
        x = layer(x, training=False)
    with tf.GradientTape() as tape:
        tape.watch([x, rr])
        described = x
        for layer in encoder.layers[last + 1 :]:
            described = layer(described, training=False)
        scores = classifier.read(described[None], rr[None])
        score = scores[0, comparison.here, BEAT_CLASSES.index(comparison.target_class)]
    gradients, by_rr = (g.numpy() for g in tape.gradient(score, [x, rr]))
    return x.numpy(), gradients, by_rr * (comparison.rr - comparison.reference_rr)


def _from_features(comparison: Comparison, coarse: np.ndarray, timing: np.ndarray) -> np.ndarray:
    """Evidence of all atoms from that of coarse places, shape (run, time); the positive part."""
    coarse = np.nan_to_num(np.maximum(coarse, 0))
    length = comparison.segments.shape[1]
    step = length // coarse.shape[1]  # pooling drops what is left over at the end
    centers = (np.arange(coarse.shape[1]) + 0.5) * step - 0.5
    shapes = np.array([np.interp(np.arange(length), centers, row) / step for row in coarse])
    return _atoms(comparison, shapes, np.maximum(timing, 0))


def _atoms(comparison: Comparison, shapes: np.ndarray, timing: np.ndarray) -> np.ndarray:
    """Evidence of atoms from that of samples (run, samples) and RR inputs (run, inputs)."""
    other = np.arange(len(comparison.places)) != comparison.here
    return np.concatenate(
        [
            shapes[comparison.here],
            timing[comparison.here],
            shapes.sum(1) * other,
            timing.sum(1) * other,
        ]
    )


def _kept(on: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Atoms kept (variants, atoms) where some parts (variants, parts) are left out.

    Atoms of no part, which are those of the beat itself among its neighbours, are kept.
    """
    return 1.0 - (1.0 - np.asarray(on, dtype=float)) @ masks


def _divide(comparison: Comparison, evidence: np.ndarray) -> np.ndarray:
    """Evidence of parts given to their atoms, by how far each is from the reference."""
    distances, atoms = comparison.distances(), np.zeros(sum(comparison.sizes))
    for (_, mask), value in zip(comparison.wave_parts(), evidence, strict=True):
        far = distances[mask]
        total = far.sum()
        atoms[mask] = value * (far / total if total > 1e-9 else 1 / mask.sum())
    return atoms
