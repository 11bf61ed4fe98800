"""Fixed inputs of benchmarks: dialogues as long as those of EmpatheticDialogues, turns to remember, and vectors."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from itertools import cycle, islice, product

import numpy as np
from langchain_core.embeddings import Embeddings

from ..contract import Dialogue, Memory, Turn
from ..memory import turn_id

_NAMES = (
    "Adam Alice Anna Ben Bill Carl Cathy Clara Dan Dave Diana Ella Emma Eric Frank Fred George Grace Hannah Harry "
    "Helen Henry Jack Jane Joe John Kate Kevin Laura Lily Lisa Lucy Maria Mark Martha Mary Mike Nancy Nick Oliver"
).split()
_CONVERSATIONS = (
    (
        "{who} promised to pick me up after the surgery, and nobody came for almost three hours.",
        "Oh no, that is awful. Did you manage to reach anyone by phone in the end?",
        "Only my neighbour, who drove me home. I sat there in pain and felt so forgotten.",
        "That must have been a lonely wait. Have you told your friend how much it hurt you?",
        "Not yet. I write a message, read it again and delete it, since I do not want to start a fight over it.",
    ),
    (
        "Guess what, {who} and I are expecting our first baby in the spring!",
        "Congratulations! How long have you been trying, if I may ask?",
        "Nearly four years. We cried in the bathroom.",
        "I can imagine the relief. Is there already a list of names on the fridge?",
        "There is, and it grows every evening. My mother has started to knit, and even the dog seems to know.",
    ),
    (
        "I keep hearing footsteps in the attic at night, and {who} is away for work all week.",
        "Could it be an animal?",
        "I hope so. Last night the hatch was open, though I am quite sure that I had closed it.",
        "Then please call somebody to have a look. You should not have to lie awake like that.",
        "My brother comes tomorrow with a big torch. Until then I sleep on the sofa with all the lights on.",
    ),
    (
        "My boss gave {who} the promotion that I was promised.",
        "After everything you did for that office? What reason did he give?",
        "None at all, he said it in front of everyone.",
        "That would make my blood boil. Are you going to stay there?",
        "I handed in three applications over the weekend. They can find somebody else who works until ten at night.",
    ),
    (
        "I found the old letters {who} wrote me when we were both at university.",
        "How lovely. Did you read them all in one go?",
        "Every single one, with a pot of tea. We had such big plans and so little money back then.",
        "Those are often the best years. Do the two of you still talk?",
        "Twice a year, on our birthdays. I think that I will drive up there this summer and bring the letters along.",
    ),
    (
        "{who} has practised every day since March, and tomorrow is the big concert at the town hall.",
        "How exciting! What is on the programme?",
        "A sonata that I could never play myself. I already know that I will cry in the first row.",
        "You have every right to be proud. Will the whole family be there to listen?",
        "All nineteen of us. We had to buy the seats in two rows, and my father is ironing his best shirt right now.",
    ),
    (
        "I told {who} that the cake was home-made, but I bought it at the station.",
        "That is hardly a crime. Did anybody notice?",
        "Everyone asked for the recipe, so I made one up, and now they want to bake it with me on Sunday.",
        "Oh dear, that grew fast. Why not laugh about it and tell them the truth?",
        "I am so embarrassed that I thought of calling in sick. But you are right, it will only get worse.",
    ),
    (
        "Our cat has been gone since {who} left the window open on Friday.",
        "I am sorry. Did you put up notes in the street?",
        "On every lamp post, and I call her each night until it gets too cold.",
        "Cats are tougher than we think. Ours came back after nine days, thin and in the best of moods.",
        "That gives me some hope. I leave the kitchen window ajar now and wake up at every little noise.",
    ),
)


_EVENTS = (
    "sold the house|called from the hospital|lost the keys|found a better job|broke the window|wrote a long letter|"
    "moved to the coast|won the race|forgot my birthday|fixed the roof|baked a cake|missed the last train|"
    "left the office early|bought a small boat|sang at the wedding|failed the exam|painted the kitchen"
).split("|")
_PLACES = ("on Sunday", "on day", "in week", "at half past", "in room", "on page", "in street")
_EMOTIONS = "joyful sad proud afraid angry lonely grateful".split()
_DAY = 86_400.0
_START = 1_700_000_000.0


def contexts(count: int) -> list[Dialogue]:
    """Return contexts of one, three and five turns: 15 to 110 tokens, median about 45; 320 differ."""
    turns = (1, 3, 1, 3, 5)
    dialogues = [
        _context(number, name, turns[(number + row) % len(turns)])
        for (row, name), number in product(enumerate(_NAMES), range(len(_CONVERSATIONS)))
    ]
    return list(islice(cycle(dialogues), count))


def three_turn_contexts(count: int) -> list[Dialogue]:
    """Return different contexts of three turns, about 60 tokens each.

    No dialogue is repeated before 320, so caches of a SEM have no effect.
    """
    names = (f"my good old friend {name} from primary school" for name in _NAMES)
    dialogues = [_context(number, name, 3) for name, number in product(names, range(len(_CONVERSATIONS)))]
    return list(islice(cycle(dialogues), count))


def distinct_contexts(count: int) -> list[Dialogue]:
    """Return contexts of one, three and five turns alternately, none of which is a prefix of another; 320 differ."""
    turns = (1, 3, 5)
    pairs = enumerate(product(_NAMES, range(len(_CONVERSATIONS))))
    return list(islice(cycle([_context(number, name, turns[row % 3]) for row, (name, number) in pairs]), count))


def synthetic_turn(number: int, users: int) -> tuple[str, Memory]:
    """Return a user and a turn of theirs, as long as a chat's; no two numbers have the same words.

    Two of three turns have two clauses, so that a turn has 2.3 vectors on average.

    Args:
        number: Index of the turn, from 0.
        users: Number of people; they alternate.
    """
    text = _clause(number, 7)
    if (number + number // users) % 3:
        text += f", and {_clause(number, 11)}"
    memory = Memory(
        id=turn_id(f"thread {number % users}", str(number)),
        text=f"{text}.",
        reply="That sounds like a lot at once. How do you feel about it today?",
        emotion=_EMOTIONS[number % len(_EMOTIONS)],
        probability=round(0.3 + (number % 61) / 100, 2),
        causes=(_NAMES[number % len(_NAMES)],),
        time=_START + number // users * _DAY + number % users,
        thread=f"thread {number % users}",
        turn=number // users + 1,
    )
    return f"user {number % users}", memory


class RandomVectors(Embeddings):
    """A random unit vector for each text, always the same one; prepared vectors are only looked up.

    The benchmarks measure the memory, so no time is spent on embedding while they run.
    """

    def __init__(self, dims: int) -> None:
        self.dims = dims
        self._prepared: dict[str, list[float]] = {}

    def prepare(self, texts: Iterable[str]) -> None:
        """Compute the vectors of these texts, and drop all that were prepared before."""
        self._prepared = {text: self._compute(text) for text in texts}

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return one vector per text, [texts, dims]."""
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        """Return the vector of a text, [dims]."""
        return self._prepared.get(text) or self._compute(text)

    def _compute(self, text: str) -> list[float]:
        seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
        values = np.random.default_rng(seed).normal(size=self.dims)
        vector: list[float] = (values / np.linalg.norm(values)).tolist()
        return vector


def _context(number: int, name: str, turns: int) -> Dialogue:
    texts = [text.format(who=name) for text in _CONVERSATIONS[number][:turns]]
    return [Turn("listener" if row % 2 else "speaker", text[0].upper() + text[1:]) for row, text in enumerate(texts)]


def _clause(number: int, step: int) -> str:
    index = number * step
    event, location = _EVENTS[index % len(_EVENTS)], _PLACES[number % len(_PLACES)]
    return f"{_NAMES[index % len(_NAMES)]} {event} {location} {number}"
