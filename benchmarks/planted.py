"""Generated text files with planted label errors, the same again for the same seed.

Tickets of twelve classes, five languages, few rows, many classes. `label` as given, `gt` as true.
"""

from collections.abc import Callable, Sequence
from itertools import product
from random import Random
from typing import NamedTuple


class Row(NamedTuple):
    """A text, the label it is given, and the label it should have."""

    text: str
    label: str
    gt: str


# fmt: off
PRODUCTS = [
    "laptop", "phone", "router", "headset", "tablet", "printer", "monitor", "watch", "camera",
    "speaker",
]
DAYS = [
    "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "last week",
    "yesterday",
]
OPENINGS = [
    "Hello,", "Hi there,", "Good morning.", "Dear support team,", "", "", "Hey,",
    "To whom it may concern,", "Hi, customer since 2015 here.", "Quick question.",
]
FILLERS = [
    "I bought the {product} on {day}.", "This is about order {number}.",
    "My {product} is the newest model.", "I already wrote on {day} and got no answer.",
    "I have been waiting since {day}.", "My colleague told me to write to you.",
    "I read the help pages and did not find it.",
    "Ticket {number} was closed although nothing happened.", "I tried it on two devices.",
    "This is the second time in a month.",
]
CLOSINGS = [
    "Thanks!", "Please help.", "Kind regards, {name}", "Best, {name}",
    "Please answer by {day}.", "", "", "Thank you in advance.", "What can I do?",
]
NAMES = [
    "Anna", "Ben", "Chloe", "Deepak", "Elena", "Farid", "Grace", "Hiro", "Ines", "Jonas",
    "Kofi", "Lena",
]
# class: (weight, what is said)
TICKETS = {
    "billing": (24, [
        "I was charged twice for the {product}", "the amount on the invoice is wrong",
        "my credit card was debited {number} euros too much",
        "the invoice does not show the discount",
        "there is a payment on my statement that I do not recognise",
        "why did the monthly fee go up", "the bill still has my old address on it",
        "the tax on the bill is not right",
    ]),
    "delivery": (18, [
        "the parcel has not arrived", "tracking says delivered but there is no package",
        "the courier left the box in the rain", "when will my {product} be shipped",
        "the delivery went to the wrong address",
        "the shipment has been stuck in customs since {day}",
        "only half of the order was in the parcel", "the driver never rang the bell",
    ]),
    "technical": (16, [
        "the {product} does not turn on", "the screen stays black after the update",
        "the {product} keeps losing the connection", "it restarts every few minutes",
        "the battery drains within an hour", "error code {number} comes up when it boots",
        "there is no sound after I plug it in", "the firmware will not install",
    ]),
    "returns": (11, [
        "I want to send the {product} back", "how do I get a return label",
        "the {product} is not what I expected and I would like to return it",
        "where do I drop off the parcel for the return", "is it still within the thirty days",
        "I opened the box, can I return it anyway", "the return was refused at the shop",
    ]),
    "refund": (8, [
        "where is my money for the returned {product}", "the refund has not reached my account",
        "you promised to pay back {number} euros", "I only got part of the money back",
        "the refund went to a card that is closed", "how long does a reimbursement take",
    ]),
    "account": (7, [
        "I cannot log in", "the password reset mail never comes", "my account is locked",
        "please change the email address of my account",
        "two factor login does not accept the code", "I want to delete my profile",
        "I am logged out all the time",
    ]),
    "cancellation": (5, [
        "please cancel my subscription", "I want to end the contract",
        "stop the renewal of my plan", "I would like to cancel the order before it ships",
        "how long is the notice period", "cancel everything with immediate effect",
    ]),
    "warranty": (4, [
        "is the repair of the {product} covered by the warranty",
        "the hinge broke after ten months", "I need a replacement under guarantee",
        "the service centre wants {number} euros although it is new",
        "how long is the warranty on a {product}", "I lost the receipt, is it still covered",
    ]),
    "sales": (3, [
        "do you have the {product} in blue", "which {product} fits a small office",
        "is there a discount for schools", "when is the new {product} coming out",
        "can I get a quote for {number} pieces",
        "what is the difference between the two models",
    ]),
    "privacy": (2, [
        "which personal data do you store about me", "please erase my data under the GDPR",
        "I do not want my data passed to third parties", "who saw my records",
        "send me a copy of all data you hold",
    ]),
    "feedback": (1, [
        "your chat agent was very friendly", "the new website is hard to use",
        "great service, five stars", "the app became slower and uglier",
        "I want to praise the shop",
    ]),
    "press": (1, [
        "I am a journalist and need a comment", "may we print a picture of the {product}",
        "who is your press contact",
        "we are writing an article on repairs and ask for an interview",
    ]),
}
LANGUAGES: dict[str, dict[str, list[str]]] = {
    "de": {
        "good": [
            "Ich bin sehr zufrieden", "Die Qualität ist hervorragend",
            "Das würde ich jederzeit wieder kaufen", "Meine Familie liebt es",
            "Funktioniert einwandfrei", "Ein wirklich tolles Gerät",
        ],
        "bad": [
            "Ich bin enttäuscht", "Die Qualität ist miserabel", "Nach zwei Tagen war es kaputt",
            "Das Geld kann man sich sparen", "Es riecht unangenehm nach Plastik", "Nie wieder",
        ],
        "delivery": [
            "Das Paket kam zu spät", "Der Bote hat es beim Nachbarn abgegeben",
            "Die Lieferung fehlt noch immer", "Die Sendung war falsch adressiert",
            "Der Karton war aufgerissen", "Seit einer Woche keine Sendungsnummer",
        ],
        "question": [
            "Passt das auch für ältere Modelle", "Gibt es das in einer anderen Farbe",
            "Wie lange hält der Akku", "Kann man das in der Spülmaschine reinigen",
            "Welche Größe soll ich nehmen", "Ist ein Kabel dabei",
        ],
        "filler": [
            "Gekauft habe ich es am Montag.", "Es war ein Geschenk.",
            "Das ist mein zweites Exemplar.", "Die Farbe ist blau.",
            "Ich schreibe selten Bewertungen.",
        ],
    },
    "en": {
        "good": [
            "I am very happy with it", "The quality is outstanding",
            "I would buy it again any time", "My family loves it", "Works flawlessly",
            "A really great device",
        ],
        "bad": [
            "I am disappointed", "The quality is awful", "It broke after two days",
            "Save your money", "It smells of cheap plastic", "Never again",
        ],
        "delivery": [
            "The parcel came too late", "The courier left it with a neighbour",
            "The shipment is still missing", "It was sent to the wrong address",
            "The box was torn open", "No tracking number for a week",
        ],
        "question": [
            "Does it fit older models too", "Is there another colour",
            "How long does the battery last", "Can it go into the dishwasher",
            "Which size should I take", "Is a cable included",
        ],
        "filler": [
            "I bought it on Monday.", "It was a present.", "This is my second one.",
            "The colour is blue.", "I rarely write reviews.",
        ],
    },
    "zh": {
        "good": [
            "我非常满意", "质量特别好", "下次还会再买", "家人都很喜欢", "用起来一点问题都没有",
            "真是一台好机器",
        ],
        "bad": [
            "我很失望", "质量太差了", "用了两天就坏了", "千万别浪费钱", "有一股难闻的塑料味",
            "再也不会买了",
        ],
        "delivery": [
            "包裹来得太晚了", "快递员放在邻居家了", "到现在还没有收到货", "地址写错了寄到别处",
            "箱子被撕开了", "一个星期都没有物流单号",
        ],
        "question": [
            "旧型号也能用吗", "还有别的颜色吗", "电池能用多久", "可以放进洗碗机吗",
            "应该选哪个尺寸", "里面有数据线吗",
        ],
        "filler": [
            "星期一买的。", "这是别人送的礼物。", "这是我买的第二个。", "颜色是蓝色的。",
            "我很少写评价。",
        ],
    },
    "ja": {
        "good": [
            "とても満足しています", "品質が素晴らしいです", "また買いたいと思います",
            "家族みんな気に入っています", "問題なく動いています", "本当に良い製品です",
        ],
        "bad": [
            "がっかりしました", "品質がひどいです", "二日で壊れました", "お金の無駄でした",
            "プラスチックの嫌な臭いがします", "二度と買いません",
        ],
        "delivery": [
            "荷物が遅れて届きました", "配達員が隣の家に置いていきました",
            "まだ商品が届いていません", "違う住所に送られました", "箱が破れていました",
            "一週間たっても追跡番号がありません",
        ],
        "question": [
            "古い機種にも合いますか", "他の色はありますか", "電池はどれくらい持ちますか",
            "食洗機で洗えますか", "どのサイズを選べばいいですか", "ケーブルは付いていますか",
        ],
        "filler": [
            "月曜日に買いました。", "プレゼントでもらいました。", "これで二つ目です。",
            "色は青です。", "めったにレビューは書きません。",
        ],
    },
    "ar": {
        "good": [
            "أنا راض جدا عنه", "الجودة ممتازة", "سأشتريه مرة أخرى بكل تأكيد",
            "عائلتي تحبه كثيرا", "يعمل بدون أي مشكلة", "جهاز رائع حقا",
        ],
        "bad": [
            "لقد خاب أملي", "الجودة سيئة للغاية", "تعطل بعد يومين فقط", "لا تضيع مالك عليه",
            "رائحته بلاستيك كريهة", "لن أشتريه مرة ثانية",
        ],
        "delivery": [
            "وصل الطرد متأخرا جدا", "تركه الساعي عند الجيران", "لم تصل الشحنة حتى الآن",
            "أرسل إلى عنوان خاطئ", "كان الصندوق ممزقا", "لا يوجد رقم تتبع منذ أسبوع",
        ],
        "question": [
            "هل يناسب الطرازات القديمة", "هل يوجد لون آخر", "كم تدوم البطارية",
            "هل يمكن غسله في غسالة الصحون", "أي مقاس يجب أن أختار", "هل الكابل مرفق معه",
        ],
        "filler": [
            "اشتريته يوم الاثنين.", "كان هدية.", "هذا هو الثاني عندي.", "لونه أزرق.",
            "نادرا ما أكتب تقييما.",
        ],
    },
}
END = {"zh": "。", "ja": "。"}
GAP = {"zh": "", "ja": ""}
ACTIONS = {
    "open": ["open", "start", "bring up", "launch"],
    "close": ["close", "shut", "quit", "get rid of"],
    "find": ["find", "look for", "search for", "where is"],
    "share": ["share", "send my friend", "forward", "pass on"],
    "delete": ["delete", "remove", "erase", "throw away"],
    "rename": ["rename", "change the name of", "call it something else,", "give a new name to"],
    "print": ["print", "put on paper", "make a hard copy of", "print out"],
    "copy": ["copy", "duplicate", "make another", "clone"],
    "lock": ["lock", "protect", "put a password on", "secure"],
    "schedule": ["schedule", "plan", "set a time for", "put a date on"],
}
OBJECTS = {
    "calendar": ["calendar", "agenda", "diary"],
    "photo": ["photo", "picture", "snapshot"],
    "song": ["song", "track", "tune"],
    "email": ["email", "mail", "message in my inbox"],
    "document": ["document", "file", "text I wrote"],
    "alarm": ["alarm", "wake-up call", "morning alarm"],
    "contact": ["contact", "phone number of Kim", "address book entry"],
    "note": ["note", "memo", "reminder"],
    "video": ["video", "clip", "movie"],
    "game": ["game", "puzzle", "app I play"],
    "map": ["map", "route", "directions"],
    "recipe": ["recipe", "dish", "cooking instructions"],
    "invoice": ["invoice", "bill", "statement"],
    "meeting": ["meeting", "conference call", "appointment"],
    "playlist": ["playlist", "mix", "list of songs"],
}
REQUESTS = [
    "{action} the {object}", "please {action} my {object}", "can you {action} that {object}",
    "i want you to {action} the {object} now", "{action} the last {object} please",
    "hey, {action} my {object} for me", "could you {action} this {object} for {name}",
    "how do i {action} a {object}",
]
# fmt: on


def tickets(rows: int = 3000, *, wrong: float = 0.08, seed: int = 1) -> list[Row]:
    """Return support tickets of twelve classes, from a quarter of all to one in a hundred."""
    random = Random(seed)
    names = list(TICKETS)
    weights = [TICKETS[name][0] for name in names]

    def text_of(label: str) -> str:
        said = random.sample(TICKETS[label][1], random.choice([1, 1, 1, 2]))
        if random.random() < 0.2:  # an aside about something else
            said.append("by the way, " + random.choice(TICKETS[random.choice(names)][1]))
        parts = [random.choice(OPENINGS)]
        parts += random.sample(FILLERS, random.choice([0, 1, 1, 2]))
        parts += [
            sentence[0].upper() + sentence[1:] + random.choice([".", ".", "!", "?"])
            for sentence in said
        ]
        parts.append(random.choice(CLOSINGS))
        return filled(" ".join(part for part in parts if part), random)

    true = distinct_texts(random.choices(names, weights, k=rows), text_of)
    return plant(true, names, wrong, random)


def languages(rows: int = 3000, *, wrong: float = 0.08, seed: int = 1) -> list[Row]:
    """Return reviews in German, English, Chinese, Japanese and Arabic, of four classes."""
    random = Random(seed)
    classes = ["good", "bad", "delivery", "question"]
    speech = [random.choice(list(LANGUAGES)) for _ in range(rows)]
    true = []
    for language in speech:
        label, bank = random.choice(classes), LANGUAGES[language]
        said = random.sample(bank[label], random.choice([1, 2]))
        if random.random() < 0.15:
            said.append(random.choice(bank[random.choice(classes)]))
        stop = END.get(language, ".")
        parts = [sentence + stop for sentence in said]
        parts += random.sample(bank["filler"], random.choice([1, 2, 3]))
        random.shuffle(parts)
        order = random.randrange(10_000)
        true.append((GAP.get(language, " ").join([*parts, f"({order})"]), label))
    return plant(true, classes, wrong, random)


def few_rows(rows: int = 120, *, wrong: float = 0.08, seed: int = 1) -> list[Row]:
    """Return a small file of three classes of tickets."""
    random = Random(seed)
    names = ["billing", "delivery", "technical"]

    def text_of(label: str) -> str:
        sentences = random.sample(TICKETS[label][1], random.choice([1, 2]))
        parts = [
            random.choice(OPENINGS),
            random.choice(FILLERS),
            ". ".join(sentences) + ".",
            random.choice(CLOSINGS),
        ]
        return filled(" ".join(part for part in parts if part), random)

    true = distinct_texts(random.choices(names, k=rows), text_of)
    return plant(true, names, wrong, random)


def many_classes(per_class: int = 20, *, wrong: float = 0.08, seed: int = 1) -> list[Row]:
    """Return short requests of 150 intents: ten actions on fifteen things."""
    random = Random(seed)
    names = [f"{action}_{thing}" for action, thing in product(ACTIONS, OBJECTS)]

    def text_of(label: str) -> str:
        action, thing = label.split("_")
        text = random.choice(REQUESTS).replace("{action}", random.choice(ACTIONS[action]))
        return filled(text.replace("{object}", random.choice(OBJECTS[thing])), random)

    labels = [name for name in names for _ in range(per_class)]
    random.shuffle(labels)
    return plant([(text_of(label), label) for label in labels], names, wrong, random)


def filled(text: str, random: Random) -> str:
    """Return the text with its {places} filled, and now and then a slip of the keyboard."""
    choices = {"product": PRODUCTS, "day": DAYS, "name": NAMES}
    for place, values in choices.items():
        while "{" + place + "}" in text:
            text = text.replace("{" + place + "}", random.choice(values), 1)
    while "{number}" in text:
        text = text.replace("{number}", str(random.randint(11, 99999)), 1)
    if random.random() < 0.3 and len(text) > 10:
        at = random.randrange(1, len(text) - 1)
        text = text[:at] + random.choice([text[at + 1] + text[at], ""]) + text[at + 1 :]
    return text


def distinct_texts(labels: Sequence[str], text_of: Callable[[str], str]) -> list[tuple[str, str]]:
    """Return (text, label) of each label; a text that was there already is drawn again."""
    seen: set[str] = set()
    made = []
    for label in labels:
        text = text_of(label)
        for _ in range(50):
            if text not in seen:
                break
            text = text_of(label)
        seen.add(text)
        made.append((text, label))
    return made


def plant(
    true: Sequence[tuple[str, str]], classes: Sequence[str], wrong: float, random: Random
) -> list[Row]:
    """Return the rows with that share of labels replaced by another class, any as likely."""
    planted = set(random.sample(range(len(true)), round(wrong * len(true))))
    return [
        Row(
            text,
            random.choice([c for c in classes if c != label]) if i in planted else label,
            label,
        )
        for i, (text, label) in enumerate(true)
    ]


SETS: dict[str, Callable[[], list[Row]]] = {
    "few_rows": few_rows,
    "tickets": tickets,
    "languages": languages,
    "many_classes": many_classes,
}
