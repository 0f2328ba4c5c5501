"""One file a language with planted errors: `find_label_errors` against characters and cleanlab.

python -m benchmarks.languages [rows] [seeds]
"""

import sys
from random import Random

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline

from benchmarks.planted import END, GAP, LANGUAGES, plant
from pipeline import find_label_errors

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


def main(rows: int = 1000, seeds: int = 2) -> None:
    print("| language | ours, AP | characters + LR, AP | difference |\n|---|---|---|---|")
    for language in BANKS:
        ours, others = [], []
        for seed in range(1, seeds + 1):
            texts, labels, wrong = file_of(language, rows, seed)
            scored = find_label_errors(texts, labels, every_row=True, progress=False)
            ours.append(average_precision_score(wrong, -scored["self_confidence"]))
            others.append(average_precision_score(wrong, -peer(texts, labels)))
        a, b = np.mean(ours), np.mean(others)
        print(f"| {language} | {a:.3f} | {b:.3f} | {a - b:+.3f} |", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
