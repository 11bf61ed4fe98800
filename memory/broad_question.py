"""Whether a person asks what is remembered of them at all ("what do you remember about me?"), in English or Chinese.

That is told by whole sentences: "do you remember Bello?" and "what did I say about my sister?" ask for something
that a search finds, and are none.
"""

from __future__ import annotations

import re
from functools import cache

_MAX_SENTENCE = 160
"""Characters of a sentence that may be such a question."""
_SENTENCE_END = re.compile(r"[.!?;\n。！？；…]")
_APOSTROPHES = re.compile("['’‘]")
_NO_WORD = re.compile(r"[^\w]+|_+")

_OPENINGS = (
    "hey hi hello so ok okay well and but now please just oh um hmm also then yes no right anyway friend dear honestly "
    "actually seriously btw alright"
).split()
_POLITE = (
    "by the way|out of curiosity|quick question|just curious|be honest|"
    "(?:can|could|would|will) you(?: please)?(?: just)?(?= (?:tell|list|show|sum|summari|recap|give|remind|say|name|"
    "repeat|share|describe))|"
    "(?:i am |im |i was |i )?(?:just )?(?:wonder|wondering|curious)(?: about)?(?: if you (?:can|could) tell me)?|"
    "(?:i (?:want|would like|d like)|id like|i wanna|i need) to (?:know|hear|see)|let me (?:know|see|hear)|"
    "(?:please )?(?:tell|remind|show|give) me(?: please| again| honestly)?|do you mind telling me|do you know"
)
_YOU = "(?:you have|youve|you|u)(?: (?:still|actually|really|even|already|currently|all|honestly|now|ever))?"
_REMEMBER = (
    "(?:remember|remembered|recall|know|memori[sz]ed|memori[sz]e|stored|saved|kept|keep|store|save|learned|learnt|"
    "noted|recorded|got stored|got saved|retained|have stored|have saved|have (?:in your memory|on file|on record))"
)
_THINGS = "(?:memories|memory|facts|information|info|data|notes|details|things|stuff|knowledge)"
_WHAT = (
    "(?:what(?: exactly| all| else| things| stuff| information| details| facts| kind of things| sort of things)?|"
    "which things|everything(?: that)?|all(?: of)?(?: the)?(?: things| facts)?(?: that)?|whatever|how much|"
    "(?:the )?(?:things|facts)(?: that)?|some (?:things|facts)|a few things|anything(?: at all)?|something|much|a lot)"
)
_BEFORE = "(?:(?:last|past|previous|earlier|other|recent|old|all|first) )?"
_TALKS = f"(?:{_BEFORE}(?:conversations?|chats?|talks?|sessions?|discussions?)|time together)"
_SINCE = (
    "(?: (?:so far|by now|now|before|until now|in the past|last time|the last time|previously|earlier|already|"
    "all this time|over time|about me|about myself|about my life|from before|at all|recently|lately|these days|"
    f"the last few times|in (?:our|the|these) {_TALKS}|during our {_TALKS}))"
)
_TOLD = (
    "(?:that )?(?:i|ive|i have|we|weve|we have)(?: ever| already| have)? (?:told you|said(?: to you)?|"
    "shared(?: with you)?|mentioned(?: to you)?|talked about|discussed|spoke about|spoken about)"
    f"{_SINCE}{{0,2}}"
)
_ME = (
    "(?:(?:about|of|on|from|regarding|concerning) "
    f"(?:me(?: and my life)?|myself|my life|my past|who i am|us|our {_TALKS}|"
    f"the things {_TOLD})|who i am|who am i|{_TOLD})"
)
_ENDINGS = (
    "(?: (?:please|so far|by now|now|right now|at all|exactly|then|anyway|today|again|from before|already|yet|"
    f"these days|if anything|or not|ok|okay|in general|overall|until now|from our {_TALKS}))"
)
_ENGLISH = (
    rf"\A(?:(?:{'|'.join(_OPENINGS)}|{_POLITE}) ){{0,5}}(?:"
    rf"{_WHAT} (?:do|can|did|does|have|could|would) {_YOU} {_REMEMBER}(?: (?:as of now|now))? {_ME}|"
    rf"{_WHAT} (?:it is )?(?:that )?{_YOU}(?: can)? {_REMEMBER} {_ME}|"
    rf"(?:do|dont|can|have|havent|did|could) {_YOU} {_REMEMBER}(?: (?:{_WHAT}|any {_THINGS}))? (?:{_ME}|our {_TALKS})|"
    rf"(?:(?:do|dont) )?(?:you|u)(?: (?:still|even|really|actually))? (?:remember|recall|recognise|recognize) me|"
    rf"(?:what|which|how many|any) {_THINGS} (?:do|have|are) (?:you|there)(?: (?:have|got|stored|saved|kept|keep|store|"
    rf"remember|hold)){{0,2}} (?:about|of|on|from|regarding) (?:me|us|our {_TALKS})|"
    rf"(?:do|have) you (?:have |got |keep )?any {_THINGS} (?:about|of|on) (?:me|us|our {_TALKS})|"
    rf"(?:what|whats|what is|what all is|what do you have) (?:is )?(?:stored |saved |kept )?(?:in|on) "
    rf"(?:your|the) memor(?:y|ies)(?: (?:about|of|on) (?:me|us|our {_TALKS}))?|"
    rf"what (?:do you have|have you got|is|do you keep) (?:stored|saved|noted|on file|on record|recorded)?(?: )?"
    rf"(?:about|on|of) me|"
    rf"what(?: all| things| else)? have (?:i|we)(?: ever| already)? (?:told you|said to you|shared with you|"
    rf"talked about|discussed|spoken about){_SINCE}{{0,2}}|"
    rf"what (?:all |things )?did (?:i|we) (?:tell you|say to you|share with you|talk about|discuss|say){_SINCE}{{1,2}}|"
    rf"how (?:well|much) do (?:you|u) (?:even |really |actually )?(?:know|remember)(?: about)? me|"
    rf"(?:summari[sz]e|sum up|list|recap|repeat|name|describe|share|say|show me|give me|tell me|"
    rf"remind me)(?: me)?(?: all)? "
    rf"(?:(?:a |an |the )?(?:short |quick |brief )?(?:list|summary|overview|recap) (?:of )?)?"
    rf"(?:{_WHAT} (?:that )?{_YOU}(?: can)? {_REMEMBER}(?: {_ME})?|(?:your|the|all your) {_THINGS} "
    rf"(?:about|of|on) (?:me|us|our {_TALKS})|{_WHAT} {_TOLD}|our {_TALKS})"
    rf"){_ENDINGS}{{0,3}}\Z"
)

_SIMPLIFIED = str.maketrans(
    "記關於甚麼說過嗎對訴們還聊憶總結麽瞭話點講誰認識資訊儲裡裏都給問請從幫",
    "记关于什么说过吗对诉们还聊忆总结么了话点讲谁认识资讯储里里都给问请从帮",
)
_ZH_ASK = (
    "(?:请问|请|那么|那|嗨|你好|嘿|话说|对了|其实|所以|好吧|好的|现在|能不能|可不可以|可以|能|麻烦你?|帮我|你能|你可以|"
    "告诉我|跟我说说|跟我讲讲|跟我说|和我说说|说说看?|讲讲|说一下|讲一下|列出来?|列一下|列举一?下?|总结一?下?|概括一?下?|回忆一?下?|"
    "我想知道|我想问一?下?|想知道|想问一?下?|我很好奇|好奇|问一下|顺便问一?下?)"
)
_ZH_STILL = "(?:还|都|现在|到底|究竟|目前|一共|已经|真的|是不是|是否|能|会|大概|具体)"
_ZH_KNOW = "(?:记得住?|记住了?|记下了?|记着|记了|知道|了解|掌握|存了|保存了|储存了|记录了|还记|想得起来?)"
_ZH_WHAT = "(?:什么|哪些|些什么|点什么|多少|一些|啥|些啥|一切|所有|全部)"
_ZH_THINGS = "(?:事情?|东西|内容|信息|资讯|资料|情况|话|细节|回忆|记忆|方面|过去)"
_ZH_ME = "(?:关于我|有关我|我)(?:的|这个人|自己)?"
_ZH_WE = "(?:我们|咱们|咱俩|我跟你|我和你|我对你|我给你|我)"
_ZH_BEFORE = "(?:之前|以前|上次|过去|曾经|先前|从前|前面|到现在|都|一共|已经|到目前为止)"
_ZH_TOLD = (
    f"{_ZH_WE}{_ZH_BEFORE}{{0,3}}(?:跟你|和你|对你|给你|告诉|向你|与你)?(?:说|讲|聊|谈|提|告诉|分享|倾诉|交流)"
    "(?:过|了|到)?(?:你)?"
)
_ZH_END = "(?:吗|呢|吧|啊|呀|么|嘛|没有|了|的)"
_CHINESE = (
    rf"\A{_ZH_ASK}{{0,4}}(?:"
    rf"[你您]{_ZH_STILL}{{0,3}}{_ZH_KNOW}(?:过|的|到|些|下)?{_ZH_ME}(?:{_ZH_WHAT}{{1,2}}的?{_ZH_THINGS}?|{_ZH_THINGS})|"
    rf"[你您]{_ZH_STILL}{{0,3}}(?:记得|认得|认识)我(?:是谁)?|"
    rf"[你您]{_ZH_STILL}{{0,3}}{_ZH_KNOW}(?:过|的|到|些)?{_ZH_WHAT}(?:关于|有关)我的?{_ZH_THINGS}?|"
    rf"(?:关于|有关|对于?)我(?:的事情?|的情况)?[你您]{_ZH_STILL}{{0,3}}{_ZH_KNOW}(?:过|的|到|些)?{_ZH_WHAT}{{0,2}}{_ZH_THINGS}?|"
    rf"[你您]对我{_ZH_STILL}{{0,3}}(?:有)?{_ZH_WHAT}?(?:多少|些)?(?:的)?(?:了解|印象|记忆|认识)(?:有)?{_ZH_WHAT}?|"
    rf"[你您]?{_ZH_STILL}{{0,3}}(?:了解|知道)我(?:多少|哪些|些?什么)(?:{_ZH_THINGS})?|"
    rf"(?:[你您]{_ZH_STILL}{{0,3}}{_ZH_KNOW}(?:的|到|些)?)?{_ZH_TOLD}{_ZH_WHAT}{{1,2}}的?{_ZH_THINGS}?|"
    rf"[你您]{_ZH_STILL}{{0,3}}{_ZH_KNOW}(?:的|到|些)?{_ZH_TOLD}的(?:{_ZH_THINGS}|一切|所有)|"
    rf"[你您]的?记忆(?:里|中|库里?)?{_ZH_STILL}{{0,2}}(?:有|存了|保存了|记了)(?:关于|有关)?(?:我的?)?{_ZH_WHAT}?"
    rf"(?:关于我的?)?{_ZH_THINGS}?|"
    rf"(?:把)?[你您]{_ZH_STILL}{{0,3}}{_ZH_KNOW}的?(?:{_ZH_WHAT}|关于我的?|我的){{1,2}}(?:的)?{_ZH_THINGS}?"
    rf"(?:都)?(?:告诉我|说出来|列出来|讲出来|说一遍)?|"
    rf"把[你您]{_ZH_STILL}{{0,3}}{_ZH_KNOW}的?(?:一切|所有|全部)?{_ZH_THINGS}?都?(?:告诉我|说出来|列出来|讲出来)|"
    rf"[你您]对我的?(?:了解|印象|记忆)"
    rf"){_ZH_END}{{0,3}}\Z"
)


_HINT = re.compile(
    r"rem[ei]|recall|recap|know|memor|tal[lk]|told|tell|said|say|list|sum|sto|sav|kept|keep|have|lear|not|disc"
)
_TO_WHOM = re.compile(r"\byou|\bu\b|\b(?:me|my|our|we|i)\b")
"""Two cheap looks at a sentence: the pattern is long, and made when it is first needed."""


@cache
def _pattern(source: str) -> re.Pattern[str]:
    return re.compile(source)


def asks_for_all(text: str) -> bool:
    """Return whether a person asks, in a sentence of a text, what is remembered of them at all.

    Args:
        text: What they said; English or Chinese, simplified or traditional.
    """
    return any(map(_asks, _SENTENCE_END.split(text)))


def _asks(sentence: str) -> bool:
    if not 3 <= len(sentence.strip()) <= _MAX_SENTENCE:
        return False
    if "我" in sentence or "记忆" in sentence or "記憶" in sentence:
        words = _NO_WORD.sub("", sentence).translate(_SIMPLIFIED)
        return bool(_pattern(_CHINESE).match(words))
    words = _NO_WORD.sub(" ", _APOSTROPHES.sub("", sentence.lower())).strip()
    return bool(_HINT.search(words) and _TO_WHOM.search(words) and _pattern(_ENGLISH).match(words))
