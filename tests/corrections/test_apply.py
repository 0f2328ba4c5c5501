from pathlib import Path

import numpy as np
import pytest

from pipeline.config.load import load_config
from pipeline.corrections.apply import apply_journal, load_source
from pipeline.corrections.journal import Journal, encode_line
from pipeline.corrections.load import load_queue
from pipeline.data.examples import fingerprint
from pipeline.frame import artifacts
from pipeline.frame.errors import DataError
from pipeline.frame.progress import StageProgress
from pipeline.frame.run import Run
from pipeline.frame.stage import Context, RunState, key_of
from pipeline.prepare import prepare
from tests.review.site import load_tiny, make_examples, write_run


@pytest.fixture
def journal(source, tmp_path) -> Journal:
    return Journal(tmp_path / "j.jsonl", source)


def put(journal: Journal, id_: str, decision: str, label: str | None = None, who: str = "Ann"):
    journal.append([journal.source.decide(id_, decision, label, reviewer=who)])


def test_labels_change_and_dropped_examples_leave_without_shifting_ids(examples, journal):
    put(journal, "train/0", "relabel", "pos")
    put(journal, "train/1", "drop")
    put(journal, "train/2", "keep", "neg")
    put(journal, "train/3", "unsure")
    corrected = apply_journal(examples, journal.source.fingerprint, journal.path)
    after = corrected.examples
    assert after.ids == [id_ for id_ in examples.ids if id_ != "train/1"]
    assert after.texts[1] == examples.texts[2] and after.splits[1] == examples.splits[2]
    expected = np.delete(examples.labels, 1)
    expected[0] = 1
    assert after.labels.tolist() == expected.tolist()
    assert examples.labels[0] == 0  # the source is left alone
    assert corrected.summary["relabelled"] == corrected.summary["dropped"] == 1
    assert corrected.summary["num_examples_before"] == 80
    assert corrected.reviewed == {
        "keep": 1, "relabel": 1, "drop": 1, "open": 1, "disagreements": 0
    }  # fmt: skip
    assert corrected.table.to_pylist()[0] == {
        "source_row": 0, "id": "train/0", "split": "train",
        "given_label": 0, "label": 1, "text": examples.texts[0],
    }  # fmt: skip


def test_without_a_majority_the_label_stays(examples, journal):
    put(journal, "train/0", "relabel", "pos", "Ann")
    put(journal, "train/0", "keep", "neg", "Bob")
    corrected = apply_journal(examples, journal.source.fingerprint, journal.path)
    assert corrected.examples.labels.tolist() == examples.labels.tolist()
    assert corrected.reviewed["disagreements"] == 1 and corrected.reviewed["open"] == 1
    put(journal, "train/0", "relabel", "pos", "Cleo")
    corrected = apply_journal(examples, journal.source.fingerprint, journal.path)
    assert corrected.examples.labels[0] == 1


def test_a_keep_changes_no_file_of_the_dataset(examples, journal):
    put(journal, "train/0", "relabel", "pos")
    before = apply_journal(examples, journal.source.fingerprint, journal.path)
    put(journal, "train/2", "keep", "neg")
    after = apply_journal(examples, journal.source.fingerprint, journal.path)
    assert (before.summary, before.table) == (after.summary, after.table)


def test_two_decisions_of_one_reviewer_are_said(examples, journal):
    put(journal, "train/0", "relabel", "pos")
    put(journal, "train/0", "keep", "neg")
    corrected = apply_journal(examples, journal.source.fingerprint, journal.path)
    assert corrected.examples.labels[0] == 0
    assert "1 decision(s) were replaced by a later one" in corrected.notes[0]


def test_one_bad_line_applies_nothing(examples, journal):
    put(journal, "train/0", "relabel", "pos")
    good = encode_line(journal.source.decide("train/2", "drop", None, reviewer="Ann"))
    with journal.path.open("ab") as file:
        file.write(b"{}\n" + good)
    with pytest.raises(DataError, match=r"j\.jsonl:2: .*nothing is applied"):
        apply_journal(examples, journal.source.fingerprint, journal.path)


def test_a_missing_journal_is_an_error(examples, tmp_path):
    with pytest.raises(DataError, match="make review"):
        apply_journal(examples, fingerprint(examples), tmp_path / "none.jsonl")


def test_prepare_depends_on_the_journal_and_its_content(tmp_path):
    path = tmp_path / "j.jsonl"
    config = load_config(Path("configs/sample.yaml"), [f"corrections={path}"]).config
    state = RunState(config, Run(tmp_path / "run"))
    first = state.made_from("prepare")
    assert first["config"]["corrections"] == str(path)
    assert first["inputs"] == {str(path): "missing"}
    path.write_text("a")
    second = state.made_from("prepare")
    path.write_text("b")
    keys = [key_of(made) for made in (first, second, state.made_from("prepare"))]
    assert len(set(keys)) == 3


def run_prepare(folder, journal=None) -> Run:
    sets = ["dataset.num_train=60", "dataset.num_test=20", f"corrections={journal or 'null'}"]
    run = Run(folder)
    loaded = load_config(Path("configs/sample.yaml"), sets)
    prepare(Context(loaded, run, StageProgress("prepare"), key=""))
    return run


def test_prepare_keeps_the_fingerprint_a_journal_is_bound_to(tmp_path):
    plain = artifacts.load_json(run_prepare(tmp_path / "plain").dataset)
    run = Run(tmp_path / "plain")
    names = plain["class_names"]
    table = artifacts.load_table(run.examples).to_pylist()
    journal = Journal(tmp_path / "j.jsonl", load_source(plain, table, {}))
    wrong = names[1 - table[0]["label"]]
    put(journal, table[0]["id"], "relabel", wrong)
    put(journal, table[1]["id"], "drop")
    corrected_run = run_prepare(tmp_path / "corrected", journal.path)
    corrected = artifacts.load_json(corrected_run.dataset)
    assert corrected["corrections"]["source_fingerprint"] == plain["fingerprint"]
    assert corrected["fingerprint"] != plain["fingerprint"]
    assert corrected["num_examples"] == 79
    after = artifacts.load_table(corrected_run.examples).to_pylist()
    assert names[after[0]["label"]] == wrong
    assert [line["row"] for line in after] == list(range(79))
    assert artifacts.load_table(corrected_run.truth).column("id").to_pylist() == [
        line["id"] for line in after
    ]
    # Applied again from the same source: the same files.
    again = run_prepare(tmp_path / "again", journal.path)
    assert again.examples.read_bytes() == corrected_run.examples.read_bytes()
    # And the page of the corrected run still knows what was given, dropped examples included.
    changed = {x["id"]: x for x in artifacts.load_table(corrected_run.corrections).to_pylist()}
    assert load_source(corrected, after, changed) == journal.source


def test_new_issues_orphan_no_decision(tmp_path):
    examples = make_examples()
    run = write_run(tmp_path / "results" / "tiny", examples)
    loaded = load_tiny(tmp_path)
    queue = load_queue(loaded, run)
    last = queue.items[-1]
    queue.journal.append([queue.source.decide(last.id, "drop", None, reviewer="Ann")])
    write_run(run.folder, examples, num_issues=5)
    queue = load_queue(loaded, run)
    assert [item.rank for item in queue.items] == [1, 2, 3, 4, 5, None]
    assert queue.items[-1].id == last.id
    assert queue.decisions(queue.items[-1])["Ann"].decision == "drop"
