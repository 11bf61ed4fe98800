"""A fixed set of dialogues for speed figures, as long as the contexts of EmpatheticDialogues."""

from __future__ import annotations

from itertools import cycle, islice, product

from ..contract import Dialogue, Turn

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


def contexts(count: int) -> list[Dialogue]:
    """Return contexts of one, three and five turns: 15 to 110 tokens, about 45 in the middle; 320 differ."""
    cuts = (1, 3, 1, 3, 5)
    made = [_context(number, name, cuts[(number + place) % len(cuts)]) for (place, name), number in _mixed()]
    return list(islice(cycle(made), count))


def middling(count: int) -> list[Dialogue]:
    """Return different contexts of three turns, about 60 tokens each.

    No dialogue comes twice before 320, so that what a SEM may remember of one does not help.
    """
    made = [_context(number, f"my good old friend {name} from primary school", 3) for (_, name), number in _mixed()]
    return list(islice(cycle(made), count))


def turns_apart(count: int) -> list[Dialogue]:
    """Return contexts of one, three and five turns by turns, none of which begins another; 320 differ."""
    cuts = (1, 3, 5)
    made = [_context(number, name, cuts[at % 3]) for at, ((_, name), number) in enumerate(_mixed())]
    return list(islice(cycle(made), count))


def _mixed() -> list[tuple[tuple[int, str], int]]:
    return list(product(enumerate(_NAMES), range(len(_CONVERSATIONS))))


def _context(number: int, name: str, turns: int) -> Dialogue:
    texts = _CONVERSATIONS[number][:turns]
    said = [text.format(who=name) for text in texts]
    return [Turn("listener" if place % 2 else "speaker", text[0].upper() + text[1:]) for place, text in enumerate(said)]
