"""Stage 2: texts to what the classifier takes: token ids, word counts, texts, or your vectors.

Token ids are exactly those of Keras' TextVectorization, but faster.
Vocabularies: `all` from every text, `train` from the training texts only.
"""

import time

from pipeline.config.command import stage_main
from pipeline.data.prepared import load_labels
from pipeline.frame.section import imported
from pipeline.frame.stage import Context, Stage, start_afresh
from pipeline.models.table import files_of_inputs, kind_of


def vectorize(context: Context) -> None:
    """Write what the classifier takes for every text, and the two vocabularies."""
    run, options = context.run, context.config.vectorize
    start_afresh(run.stage("vectorize"))
    labels = load_labels(run)
    started = time.perf_counter()
    said = imported(kind_of(options).write)(context, labels, options)
    speed = round(len(labels.given) / (time.perf_counter() - started))
    context.notes["examples_per_second"] = speed
    context.progress.say(f"{said}; {speed:,} texts a second")


STAGE = Stage(
    does="texts to token ids, word counts, texts or vectors of yours, and the vocabularies",
    work=vectorize,
    sections=("vectorize",),
    reads=("prepare",),
    writes=("{all,train,test}.{npy,npz,parquet}", "vocabulary_{all,train}.json"),
    files=lambda config, run: files_of_inputs(config.vectorize),
    code=lambda config: [kind_of(config.vectorize).write],
)

if __name__ == "__main__":
    stage_main(STAGE)
