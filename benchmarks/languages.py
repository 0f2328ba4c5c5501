"""One file a language with planted errors: what we find, against characters and cleanlab.

`python -m benchmarks.languages`: `find_label_errors` and, network included, `label-errors check` on
the same texts as a CSV, nothing set. Writes languages.json.
"""

import csv
import json
import tempfile
from pathlib import Path
from random import Random
from typing import Annotated, Any

import numpy as np
import typer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline

from benchmarks.measure import measure, python
from benchmarks.planted import END, GAP, LANGUAGES, plant
from pipeline import find_label_errors
from pipeline.frame import artifacts
from pipeline.frame.cli import run_command
from pipeline.frame.run import Run
from pipeline.frame.terminal import say

# fmt: off
MORE: dict[str, dict[str, list[str]]] = {
    "th": {
        "good": ["พอใจมาก", "คุณภาพดีเยี่ยม", "จะซื้ออีกแน่นอน", "ครอบครัวชอบมาก", "ใช้งานได้ดีไม่มีปัญหา",
                 "เป็นเครื่องที่ดีจริงๆ"],
        "bad": ["ผิดหวังมาก", "คุณภาพแย่มาก", "ใช้สองวันก็พัง", "อย่าเสียเงินเลย", "มีกลิ่นพลาสติกเหม็น",
                "จะไม่ซื้ออีกแล้ว"],
        "delivery": ["พัสดุมาช้ามาก", "คนส่งฝากไว้กับเพื่อนบ้าน", "ยังไม่ได้รับของ", "ส่งผิดที่อยู่", "กล่องฉีกขาด",
                     "ไม่มีเลขพัสดุมาหนึ่งสัปดาห์"],
        "question": ["ใช้กับรุ่นเก่าได้ไหม", "มีสีอื่นไหม", "แบตเตอรี่อยู่ได้นานเท่าไร", "ล้างในเครื่องล้างจานได้ไหม",
                     "ควรเลือกขนาดไหน", "มีสายมาให้ไหม"],
        "filler": ["ซื้อเมื่อวันจันทร์", "เป็นของขวัญ", "นี่เป็นชิ้นที่สอง", "สีน้ำเงิน", "ปกติไม่ค่อยเขียนรีวิว"],
    },
    "el": {
        "good": ["Είμαι πολύ ευχαριστημένος", "Η ποιότητα είναι εξαιρετική", "Θα το αγόραζα ξανά",
                 "Η οικογένειά μου το λατρεύει", "Λειτουργεί άψογα", "Πραγματικά σπουδαία συσκευή"],
        "bad": ["Είμαι απογοητευμένος", "Η ποιότητα είναι άθλια", "Χάλασε σε δύο μέρες",
                "Μην πετάτε τα λεφτά σας", "Μυρίζει φτηνό πλαστικό", "Ποτέ ξανά"],
        "delivery": ["Το δέμα ήρθε πολύ αργά", "Ο κούριερ το άφησε στον γείτονα",
                     "Η αποστολή λείπει ακόμα", "Στάλθηκε σε λάθος διεύθυνση",
                     "Το κουτί ήταν σκισμένο", "Καμία ενημέρωση εδώ και μια εβδομάδα"],
        "question": ["Ταιριάζει σε παλαιότερα μοντέλα", "Υπάρχει άλλο χρώμα",
                     "Πόσο κρατάει η μπαταρία", "Μπαίνει στο πλυντήριο πιάτων",
                     "Ποιο μέγεθος να πάρω", "Περιλαμβάνεται καλώδιο"],
        "filler": ["Το αγόρασα τη Δευτέρα.", "Ήταν δώρο.", "Είναι το δεύτερό μου.",
                   "Το χρώμα είναι μπλε.", "Σπάνια γράφω κριτικές."],
    },
    "tr": {
        "good": ["Çok memnunum", "Kalitesi mükemmel", "Yine alırım", "Ailem çok sevdi",
                 "Kusursuz çalışıyor", "Gerçekten harika bir cihaz"],
        "bad": ["Hayal kırıklığına uğradım", "Kalitesi berbat", "İki günde bozuldu",
                "Paranıza yazık", "Ucuz plastik kokuyor", "Bir daha asla"],
        "delivery": ["Paket çok geç geldi", "Kurye komşuya bırakmış", "Kargo hâlâ gelmedi",
                     "Yanlış adrese gönderilmiş", "Kutu yırtılmıştı", "Takip numarası yok"],
        "question": ["Eski modellere uyar mı", "Başka rengi var mı", "Pili ne kadar dayanıyor",
                     "Bulaşık makinesine girer mi", "Hangi bedeni almalıyım", "Kablo dahil mi"],
        "filler": ["Pazartesi aldım.", "Hediyeydi.", "Bu ikincisi.", "Rengi mavi.",
                   "Nadiren yorum yazarım."],
    },
}
# fmt: on
CLASSES = ["good", "bad", "delivery", "question"]
BANKS = {name: LANGUAGES[name] for name in ("zh", "ja", "ar", "de")} | MORE


def file_of(language: str, rows: int, seed: int) -> tuple[list[str], list[str], np.ndarray]:
    """Return texts, given labels and (rows,) whether each is wrong: 8 % are.

    A third of the texts are shouted, in capitals where the script has them.
    """
    random, bank = Random(f"{language} {seed}"), BANKS[language]
    gap = "" if language == "th" else GAP.get(language, " ")
    true = []
    for _ in range(rows):
        label = random.choice(CLASSES)
        said = random.sample(bank[label], random.choice([1, 2]))
        said += [random.choice(bank[random.choice(CLASSES)])] * (random.random() < 0.15)
        parts = [sentence + END.get(language, ".") for sentence in said]
        parts += random.sample(bank["filler"], random.choice([1, 2, 3]))
        random.shuffle(parts)
        text = gap.join([*parts, f"({random.randrange(10_000)})"])
        true.append((text.upper() if random.random() < 1 / 3 else text, label))
    made = plant(true, CLASSES, 0.08, random)
    wrong = np.array([row.label != row.gt for row in made])
    return [row.text for row in made], [row.label for row in made], wrong


def peer(texts: list[str], labels: list[str]) -> np.ndarray:
    """Return (n,) probability of the given label: characters 2-5, logistic regression, 5 folds."""
    model = make_pipeline(
        TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), min_df=2, sublinear_tf=True),
        LogisticRegression(C=10, max_iter=1000),
    )
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    probs = cross_val_predict(model, texts, labels, cv=folds, method="predict_proba")
    place = {name: number for number, name in enumerate(sorted(set(labels)))}
    own: np.ndarray = probs[np.arange(len(labels)), [place[label] for label in labels]]
    return own


def checked(texts: list[str], labels: list[str]) -> np.ndarray:
    """Return (n,) probability of the given label, as `label-errors check` writes it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "texts.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("text", "label"), *zip(texts, labels, strict=True)])
        measure([python(), "-m", "pipeline", "check", str(path)], {})
        run = Run(Path(folder) / "label-errors" / "texts")
        scores = artifacts.load_table(run.scores, ["given", "self_confidence"])
        assert scores.column("given").to_pylist() == labels
        own: np.ndarray = scores.column("self_confidence").to_numpy()
        return own


def languages(
    rows: Annotated[int, typer.Option(min=100, help="Of a file.")] = 600,
    seeds: Annotated[int, typer.Option(min=1, help="How many.")] = 2,
    command: Annotated[bool, typer.Option(help="Also the whole command: slow.")] = True,
    output: Annotated[Path, typer.Option(help="Folder for the results.")] = Path(
        "results/languages"
    ),
) -> None:
    """Score both against a linear model of characters, on a file of each language."""
    output.mkdir(parents=True, exist_ok=True)
    records: list[dict[str, Any]] = []
    for language in BANKS:
        for seed in range(1, seeds + 1):
            texts, labels, wrong = file_of(language, rows, seed)
            scored = find_label_errors(texts, labels, every_row=True, progress=False)
            own = {"function": scored["self_confidence"].to_numpy()}
            own |= {"command": checked(texts, labels)} if command else {}
            own |= {"characters": peer(texts, labels)}
            found = {name: float(average_precision_score(wrong, -own[name])) for name in own}
            records.append({"language": language, "rows": rows, "seed": seed} | found)
            (output / "languages.json").write_text(json.dumps(records, indent=1))
    say(table_of(records))


def table_of(records: list[dict[str, Any]]) -> str:
    """Return the Markdown table of docs/detection.md: mean average precision."""
    lines = [["", *BANKS], ["---"] * (len(BANKS) + 1)]
    for name in ("function", "command", "characters"):
        of = {each: [r[name] for r in records if r["language"] == each and name in r]
              for each in BANKS}  # fmt: skip
        lines.append([name, *(f"{np.mean(found):.3f}" if found else "–" for found in of.values())])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    run_command(languages)
