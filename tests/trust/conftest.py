"""A calibrated model, for the tests of this folder."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from arrhythmia.predictions import scored_table
from arrhythmia.records import read_record
from arrhythmia.trust.confidence import Confidence


@pytest.fixture(scope="session")
def model_with_folds(
    tiny_model: Path, synthetic_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The tiny model with networks of folds beside it: all are the same network, to save time."""
    from arrhythmia.classifier import Classifier

    folder = tmp_path_factory.mktemp("folds") / "tiny"
    shutil.copytree(tiny_model, folder)
    classifier = Classifier.load(folder)
    names = classifier.settings.training["records"]
    for number in range(4):
        others = [name for i, name in enumerate(names) if i % 4 != number]
        training = classifier.settings.training | {"records": others}
        settings = replace(classifier.settings, training=training)
        Classifier(classifier.network, settings).save(f"{folder}-fold{number + 1}")
    tables = []
    for name in names:
        beats = classifier.find_beats(read_record(name, synthetic_dir))
        tables.append(scored_table(beats, classifier.probabilities(beats)))
    pd.concat(tables).to_csv(folder / "folds_predictions.csv", index=False)
    return folder


@pytest.fixture(scope="session")
def calibrated_model(
    model_with_folds: Path, synthetic_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A copy of `model_with_folds`, without the folds, that was calibrated."""
    from arrhythmia.trust.calibrate import calibrate

    folder = tmp_path_factory.mktemp("calibrated") / "tiny"
    shutil.copytree(model_with_folds, folder)
    calibrate(model_with_folds, synthetic_dir)[0].save(folder)
    return folder


@pytest.fixture(scope="session")
def confidence(calibrated_model: Path) -> Confidence:
    """As loaded from `calibrated_model`."""
    return Confidence.load(calibrated_model)
