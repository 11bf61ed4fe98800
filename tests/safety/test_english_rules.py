"""What the English rules alone make of kinds of harmless turns, and of dangerous ones that read alike."""

from __future__ import annotations

import pytest
from hef.contract import Turn
from hef.safety.assess import read_rules

HARMLESS = {
    "who hides": [
        "my cousin came over and the cat hid under the bed all day",
        "mum is chasing the cat, she's hiding under my bed",
        "my husband is cooking, I am in the bath with a book",
        "my roommate came home drunk, I'm in bed trying to sleep",
        "my baby was screaming all night and now I am in bed",
        "he is throwing up and I am in the bathroom cleaning",
        "the kids are throwing a party, the cat is hiding under the bed",
        "she asked me who hid in the wardrobe in Narnia",
    ],
    "a thing as the subject": [
        "my houseplants are committing suicide one by one",
        "my laptop committed suicide during the exam",
        "the printer killed itself again",
    ],
    "pests": [
        "there is a nest of wasps, want to kill them all before the weekend, foam or powder?",
        "ants everywhere in the kitchen, I want to kill them all, which spray?",
        "these moths, I'm going to kill every one of them, traps or spray",
    ],
    "a weapon of a game": [
        "just killed myself with my own grenade AGAIN",
        "killed myself with a rocket launcher, great start",
        "killed myself with the wrong rocket launcher",
    ],
    "a journey": [
        "I've said my goodbyes, can I take Marmite through security?",
        "Said my goodbyes at the office, moving to Berlin on Friday",
        "Said my goodbyes, new job in Leeds from Monday",
    ],
    "what somebody used to say": [
        "my gran used to say 'i'll be dead by easter' and made it to 97",
        "my uncle used to say he'd kill himself if they lost",
        "Grandpa used to say I will be dead by spring",
    ],
    "rather than something small": [
        "a patient said he'd rather be dead than eat this jelly",
        "she said she'd rather die than share a tent",
        "my brother said he would rather be dead than dance",
    ],
    "somebody who died long ago": [
        "it's been a year since my brother killed himself. I lit a candle",
        "it's ten years since my cousin took his own life",
        "it is the anniversary of when my dad killed himself",
    ],
    "an alarm": ["I set the alarm for her meds", "I set an alarm for my pills at nine", "set the timer for the meds."],
}
DANGER = {
    "who hides": [
        "he's screaming and smashing stuff, me and my sister are hiding in the closet",
        "he came home drunk and hiding in closet rn",
        "he's outside my door, I'm in the closet whispering",
        "my ex broke the door, I am in the bath with the door locked",
        "he's raging again, me and the kids are in the closet",
    ],
    "a thing as the subject": [
        "my plants are dead and I'm going to kill myself",
        "my phone is off, going to kill myself tonight",
        "the laptop is for my sister, I will kill myself",
    ],
    "pests": [
        "there are roaches everywhere and I'm going to kill my landlord tonight",
        "I want to kill them all before the weekend",
        "ants and mice, I want to kill him",
    ],
    "a weapon of a game": [
        "after the match with my mates I'm going to kill myself tonight",
        "I'm going to kill myself",
        "I will kill him with a grenade",
    ],
    "a journey": [
        "I said my goodbyes, one way flight, I'm not coming back",
        "I've said my goodbyes",
        "the flight is booked and the suicide note is on my desk",
    ],
    "what somebody used to say": [
        "my gran used to say hello. I want to kill myself",
        "I used to say it as a joke. Now I'm going to kill myself",
        "he used to say I matter. I am going to end my life",
    ],
    "rather than something small": [
        "I'd rather die than go on living like this",
        "I'd rather be dead than live another day",
        "I would rather die than stay here",
    ],
    "somebody who died long ago": [
        "since my brother killed himself I want to kill myself too",
        "it's been a year and I am going to kill myself",
        "since you left I want to die",
    ],
    "an alarm": ["I set out the pills and the rope", "the pills are ready for tonight", "I have laid out the pills."],
}


def level(text: str) -> str:
    return read_rules([Turn("speaker", text)], 0).level


@pytest.mark.parametrize(
    "text", [pytest.param(text, id=f"{kind}: {text}") for kind in HARMLESS for text in HARMLESS[kind]]
)
def test_a_harmless_turn_is_not_raised(text: str) -> None:
    assert level(text) == "none"


@pytest.mark.parametrize("text", [pytest.param(text, id=f"{kind}: {text}") for kind in DANGER for text in DANGER[kind]])
def test_a_dangerous_turn_that_reads_alike_is_found(text: str) -> None:
    assert level(text) == "danger"
