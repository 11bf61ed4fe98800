"""The forms of English verbs, for the lexicon."""

from __future__ import annotations

_IRREGULAR = {
    "bleed": "bleeds bleeding bled", "blow": "blows blowing blew blown", "choose": "chooses choosing chose chosen",
    "commit": "commits committing committed", "cut": "cuts cutting", "die": "dies dying died",
    "drag": "drags dragging dragged", "dig": "digs digging dug", "do": "does doing did done",
    "drive": "drives driving drove driven", "feel": "feels feeling felt", "fix": "fixes fixing fixed",
    "get": "gets getting got gotten", "give": "gives giving gave given", "go": "goes going went gone",
    "grab": "grabs grabbing grabbed", "hang": "hangs hanging hung hanged", "hit": "hits hitting",
    "keep": "keeps keeping kept", "leave": "leaves leaving left", "make": "makes making made",
    "pin": "pins pinning pinned", "plan": "plans planning planned", "put": "puts putting",
    "rub": "rubs rubbing rubbed", "shoot": "shoots shooting shot", "slap": "slaps slapping slapped",
    "stab": "stabs stabbing stabbed", "stop": "stops stopping stopped", "take": "takes taking took taken",
    "tell": "tells telling told", "think": "thinks thinking thought", "throw": "throws throwing threw thrown",
    "try": "tries trying tried", "whip": "whips whipping whipped", "write": "writes writing wrote written",
    "bite": "bites biting bit bitten", "overdose": "overdoses overdosing overdosed", "beg": "begs begging begged",
    "gulp": "gulps gulping gulped", "wear": "wears wearing wore worn",
    "say": "says saying said", "hear": "hears hearing heard", "see": "sees seeing saw seen",
    "strangle": "strangles strangling strangled", "come": "comes coming came", "have": "has having had",
}  # fmt: skip


def verb_forms(verb: str) -> list[str]:
    """Return the base form of a verb, its third person, its participles and its past."""
    if verb in _IRREGULAR:
        return [verb, *_IRREGULAR[verb].split()]
    if verb.endswith("e"):
        return [verb, verb + "s", verb[:-1] + "ing", verb + "d"]
    third = verb + ("es" if verb.endswith(("s", "sh", "ch", "x", "z")) else "s")
    if verb.endswith("y") and verb[-2] not in "aeou":
        return [verb, verb[:-1] + "ies", verb + "ing", verb[:-1] + "ied"]
    return [verb, third, verb + "ing", verb + "ed"]
