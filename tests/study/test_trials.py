"""What a repetition of a study draws: folds and random numbers of its own."""

from dataclasses import replace

from pipeline.data.prepared import load_labels
from pipeline.frame.run import Run
from pipeline.study.trials import Trial
from tests.tiny import load_tiny


def test_every_seed_splits_anew_and_always_alike(tiny_run: Run) -> None:
    config, labels = load_tiny().config, load_labels(tiny_run)
    first, again, second = (
        [held.tolist() for held in Trial("a", seed, labels).plans(config, tiny_run)["train"]]
        for seed in (1, 1, 2)
    )
    assert config.crossval.train.shuffle
    assert first == again
    assert first != second


def test_every_seed_trial_and_arm_draws_its_own_numbers(tiny_run: Run) -> None:
    trial = Trial("a", 1, load_labels(tiny_run))
    streams = [trial.stream("prune"), trial.stream("random_prune"), trial.stream("prune")]
    streams += [replace(trial, seed=2).stream("prune"), replace(trial, name="b").stream("prune")]
    drawn = [int(stream.integers(2**60)) for stream in streams]
    assert drawn[0] == drawn[2]
    assert len(set(drawn)) == 4
