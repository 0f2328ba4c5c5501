"""Support tickets in four classes with known wrong labels: a dataset nobody has tuned for.

A ticket asks for one thing, which makes its class, and talks about others on the way, in much the
same nouns. So single words mislead, and they come in bursts.
"""

import csv
from pathlib import Path
from typing import NamedTuple

import numpy as np

CLASSES = ["account", "billing", "delivery", "technical"]
# fmt: off
WORDS = {
    "account": "password login username profile email address membership settings",
    "billing": "invoice refund charge payment card receipt subscription fee",
    "delivery": "parcel courier package shipment doorstep tracking depot box",
    "technical": "screen app update error crash battery cable bluetooth",
}
NOUNS = {name: words.split() for name, words in WORDS.items()}
REQUESTS = {
    "account": ["please unlock my {}", "i want to change the {}", "let me delete my {}",
                "i cannot remember which {} i chose", "verify the {} for me", "merge my old {}"],
    "billing": ["you took too much for the {}", "i want my money back for the {}",
                "why was the {} debited twice", "correct the amount on the {}",
                "cancel the {} and reimburse me", "the {} shows the wrong sum"],
    "delivery": ["the {} never arrived", "where is the {} now", "the {} was left in the rain",
                 "send the {} to another street", "the {} came open and half empty",
                 "nobody rang when the {} was dropped off"],
    "technical": ["the {} freezes all the time", "the {} will not start any more",
                  "how do i reset the {}", "the {} keeps flickering", "repair the {} please",
                  "since yesterday the {} does not respond"],
}  
ASIDES = ["the {0} was fine last time", "i wrote to you about the {0} before, the {0} is settled",
          "a colleague said the {0} has nothing to do with it", "my {0} is not the question here",
          "apart from the {0} and again the {0} all is well", "ignore the {0} in my last mail",
          "i like the {0}, everybody likes the {0}, best {0} ever"]
SETTLED = ["last year it was: {}", "somebody else asked: {}", "i do not ask: {}", "before that: {}",
           "my neighbour says: {}, {}"]
# fmt: on
OPENINGS = ["hello", "dear team", "good morning", "hi there", "to whom it may concern", "hey"]
ENDINGS = ["thanks", "kind regards", "please hurry", "i am a patient person", "awaiting your reply"]


class Tickets(NamedTuple):
    texts: list[str]
    given: np.ndarray
    true: np.ndarray


def make_tickets(count: int, *, error_rate: float = 0.1, seed: int = 0) -> Tickets:
    """Return tickets with round(error_rate * count) wrong labels."""
    rng = np.random.default_rng(seed)
    true = rng.permutation(np.arange(count) % 4)
    wrong = rng.permutation(count)[: round(error_rate * count)]
    given = true.copy()
    # A third of the errors mistake an account for billing and back, the rest are anything.
    given[wrong] = (true[wrong] + rng.integers(1, 4, len(wrong))) % 4
    mixed = wrong[(true[wrong] < 2) & (rng.random(len(wrong)) < 0.6)]
    given[mixed] = 1 - true[mixed]
    return Tickets([_ticket(rng, CLASSES[label]) for label in true], given, true)


def _ticket(rng: np.random.Generator, name: str) -> str:
    def pick(options: list[str]) -> str:
        return options[int(rng.integers(len(options)))]

    def request(name: str) -> str:
        return pick(REQUESTS[name]).format(pick(NOUNS[pick([name, *CLASSES])]))

    asked = [request(name) for _ in range(rng.integers(1, 3))]
    others = [
        pick(SETTLED).replace("{}", request(pick(CLASSES)))
        for _ in range(max(0, rng.integers(-2, 3)))
    ]
    asides = [pick(ASIDES).format(pick(NOUNS[pick(CLASSES)])) for _ in range(rng.integers(1, 5))]
    body = [*asked, *others, *asides]
    body = [body[place] for place in rng.permutation(len(body))]
    number = f"ticket {int(rng.integers(10**6))}"
    return ". ".join([pick(OPENINGS), *body, pick(ENDINGS), number]).capitalize() + "."


def write_tickets(path: Path, tickets: Tickets) -> None:
    """Write the tickets as CSV with a header, as somebody's export would be."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["opened", "message", "queue"])
        rows = zip(tickets.texts, tickets.given, strict=True)
        writer.writerows([f"2024-{row % 12 + 1:02}-{row % 28 + 1:02}", text, CLASSES[label]]
                         for row, (text, label) in enumerate(rows))  # fmt: skip
