"""The words of the page, in English and Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..contract.dialogue import TextLanguage


@dataclass(frozen=True, slots=True)
class PageWords:
    """The words of one language; names in braces are filled in."""

    title: str = "Talk with HEF"
    tagline: str = "It shows what it understood, and what it remembers."
    language: str = "Language of the page"
    conversation: str = "Conversation"
    new_conversation: str = "New conversation"
    private: str = "Write nothing down"
    private_info: str = (
        "Nothing is written down now: what you say is kept in neither memory nor conversation, and is gone when you "
        "switch back."
    )
    private_always: str = "The page was started so that nothing is written down."
    greeting: str = "What is on your mind?"
    greeting_more: str = (
        "Beside each of your messages you can see which emotion was read in it and why. What is remembered is kept on "
        "this computer; you can look at it and delete it."
    )
    your_message: str = "Your message"
    edited_message: str = "Your message, in other words"
    placeholder: str = "Write to HEF …"
    loading: str = "The page is loading …"
    not_ready: str = "The page is not ready, so nothing was done. If this stays here, load the page again."
    send: str = "Send"
    stop: str = "Stop"
    cancel: str = "Leave it as it was"
    you: str = "You"
    edit: str = "Edit"
    regenerate: str = "Answer again"
    try_again: str = "Try again"
    understood_here: str = "What was understood: {emotion}"
    stopped: str = "Stopped. What you said is kept, and is answered together with what you say next."
    failed: str = "The turn failed: {error}"
    after_pause: str = "Some time has passed, so this is a new conversation. The one before is {name}."
    turn_is_gone: str = "The turn that you were editing is gone. Send once more to say it as a new message."
    which_emotion: str = "Which emotion is it? "
    which_because: str = "The SEM thinks of {primary}; the LLM of {hypothesis}."
    no_emotion: str = "none"
    none_of_these: str = "Not the first one"
    other_emotion: str = "Another emotion"
    or_go_on: str = "You can also write on, or stop: then nothing is answered yet."
    danger: str = "Please read this"
    more_tabs: str = "More tabs"
    panel: str = "What HEF understood and remembers"
    understood: str = "Understood"
    nothing_yet: str = "Nothing was said yet. After your first message, the emotion that was read in it stands here."
    not_here: str = "This turn is of an earlier visit: what was understood in it is no longer known here."
    of_message: str = "Of your message"
    emotion: str = "Emotion"
    decided: str = "decided"
    primary: str = "primary"
    others: str = "all others together"
    thought: str = "What the LLM thought"
    llm: str = "LLM: {model}"
    sem: str = "SEM: {sem}"
    asked_again: str = "The SEM looked again: {probability} for {label}, rank {rank}."
    words_for: str = "For it: {words}."
    words_against: str = "Against it: {words}."
    causes: str = "Words that caused it"
    causes_info: str = "They are marked in your message."
    cause_before: str = "said earlier"
    no_causes: str = "No single word stands out."
    recalled: str = "Recalled"
    recalled_none: str = "Nothing was recalled."
    why: str = "Why"
    by_pin: str = "you pinned it"
    by_broad_question: str = "you asked what is remembered"
    by_wish: str = "you asked for it from then on"
    similarity: str = "similar meaning"
    lexical: str = "shared words"
    length: str = "how much it tells"
    recency: str = "recency"
    feeling: str = "emotion"
    safety: str = "Safety"
    level_danger: str = "Somebody may be in danger. Nothing was read or remembered; the reply is a fixed text."
    level_concern: str = "There is reason for concern; this reply, or one just before, ends with where help is."
    said_words: str = "The words: {words}"
    left_out: str = "Left out"
    memory: str = "Memory"
    memory_search: str = "Search what is remembered"
    memory_count: str = "{count} turns are remembered."
    memory_one: str = "1 turn is remembered."
    memory_none: str = "Nothing is remembered."
    memory_no_match: str = "Nothing that is remembered is like that."
    memory_off: str = "Nothing is remembered: the page was started so that nothing is written down."
    more: str = "Show more"
    said_by: str = "said by {name}"
    kept_until: str = "until {day}"
    replied: str = "Reply: {reply}"
    delete: str = "Delete"
    delete_sure: str = "Delete for good"
    keep: str = "Keep it"
    delete_question: str = "This turn is deleted from the memory and from its conversation, for good."
    deleted: str = "Deleted."
    pin: str = "Pin"
    unpin: str = "Unpin"
    pinned: str = "pinned: always recalled"
    hide: str = "Never recall"
    unhide: str = "Recall again"
    hidden: str = "never recalled"
    timeline: str = "Over time"
    timeline_info: str = "Share of each emotion in what you said, by {period}."
    timeline_none: str = "No emotion is remembered yet."
    timeline_table: str = "As a table"
    period: str = "Period"
    day: str = "day"
    week: str = "week"
    month: str = "month"
    turns: str = "turns"
    settings: str = "Settings"
    strategy: str = "How the emotion is decided"
    two_stage: str = "SEM and LLM in two stages"
    one_prompt: str = "one question to the LLM"
    sem_only: str = "the SEM alone"
    llm_only: str = "the LLM alone"
    reply_language: str = "Language of the reply"
    my_language: str = "the language I write"
    region: str = "Country for numbers to call in danger"
    region_info: str = "Two letters, such as US, GB or CN; blank for the international directory."
    region_wrong: str = "{value} is no country's code: give two letters, or leave it blank."
    retention: str = "How long what you say from now on is remembered"
    retention_info: str = "This choice holds in this browser until you change it."
    for_good: str = "for good"
    one_day: str = "1 day"
    days: str = "{count} days"
    character: str = "Who answers"
    no_character: str = "HEF"
    models: str = "Models"
    status_begin: str = "reading what you said"
    status_safety: str = "reading the emotion"
    status_reading: str = "weighing it"
    status_memories: str = "reading the emotion"
    status_verdict: str = "weighing it"
    status_decision: str = "finding the words that caused it"
    status_causes: str = "thinking of a reply"
    answered: str = "{name} answered: {reply}"
    comma: str = ", "


WORDS: Mapping[TextLanguage, PageWords] = {
    "en": PageWords(),
    "zh": PageWords(
        title="和 HEF 聊聊",
        tagline="它会告诉你它读懂了什么、记住了什么。",
        language="页面语言",
        conversation="对话",
        new_conversation="新对话",
        private="不留记录",
        private_info="现在不留任何记录：说的话不会写入记忆，也不会存入对话；切换回来后就会消失。",
        private_always="本页启动时已设为不留任何记录。",
        greeting="你在想什么？",
        greeting_more="每条消息旁都能看到读出的情绪和原因。记忆只保存在这台电脑上，你可以随时查看和删除。",
        your_message="你的消息",
        edited_message="换一种说法",
        placeholder="写给 HEF……",
        loading="页面正在加载……",
        not_ready="页面还没有准备好，刚才的操作没有执行。如果一直这样，请重新加载页面。",
        send="发送",
        stop="停止",
        cancel="保持原样",
        you="你",
        edit="修改",
        regenerate="重新回答",
        try_again="再试一次",
        understood_here="读懂的内容：{emotion}",
        stopped="已停止。你说的话已保留，会和你接下来说的话一起得到回答。",
        failed="这一轮失败了：{error}",
        after_pause="过了一段时间，所以这是新的对话。之前的对话是 {name}。",
        turn_is_gone="你正在修改的那一轮已经不在了。再发送一次，就作为新消息说出。",
        which_emotion="是哪种情绪？",
        which_because="小模型想到的是{primary}；大模型想到的是{hypothesis}。",
        no_emotion="没有情绪",
        none_of_these="不是第一种",
        other_emotion="别的情绪",
        or_go_on="也可以接着写，或者停止：那样就先不回答。",
        danger="请读一读这些话",
        more_tabs="更多标签页",
        panel="HEF 读懂了什么、记住了什么",
        understood="理解",
        nothing_yet="还没有说话。发出第一条消息后，这里会显示读出的情绪。",
        not_here="这是以前的一轮对话，当时读懂的内容这里已经没有了。",
        of_message="关于你的消息",
        emotion="情绪",
        decided="判定",
        primary="主要情绪",
        others="其余情绪合计",
        thought="大模型的看法",
        llm="大模型：{model}",
        sem="小模型：{sem}",
        asked_again="小模型又读了一次：{label} 为 {probability}，排第 {rank}。",
        words_for="支持的词：{words}。",
        words_against="反对的词：{words}。",
        causes="引起情绪的词",
        causes_info="它们在你的消息里有标记。",
        cause_before="之前说的",
        no_causes="没有特别突出的词。",
        recalled="想起的事",
        recalled_none="没有想起什么。",
        why="原因",
        by_pin="是你固定的",
        by_broad_question="你问了记得些什么",
        by_wish="你说过以后要这样",
        similarity="意思相近",
        lexical="相同的词",
        length="说得多",
        recency="时间近",
        feeling="情绪",
        safety="安全",
        level_danger="可能有人处于危险中。没有读取情绪，也没有记住；回答是固定的文字。",
        level_concern="有令人担心的地方；这次或刚才的回答末尾写有求助的途径。",
        said_words="相关的话：{words}",
        left_out="未完成",
        memory="记忆",
        memory_search="在记忆里查找",
        memory_count="记住了 {count} 轮对话。",
        memory_one="记住了 1 轮对话。",
        memory_none="还没有记住什么。",
        memory_no_match="记忆里没有类似的内容。",
        memory_off="什么都不会记住：本页启动时已设为不留任何记录。",
        more="显示更多",
        said_by="{name} 说的",
        kept_until="记到 {day}",
        replied="回答：{reply}",
        delete="删除",
        delete_sure="永久删除",
        keep="保留",
        delete_question="这一轮将从记忆和它所在的对话中永久删除。",
        deleted="已删除。",
        pin="固定",
        unpin="取消固定",
        pinned="已固定：总会想起",
        hide="不再想起",
        unhide="可以想起",
        hidden="不会想起",
        timeline="随时间变化",
        timeline_info="你的话里各种情绪所占的比例（按{period}）。",
        timeline_none="还没有记住任何情绪。",
        timeline_table="用表格显示",
        period="时间单位",
        day="日",
        week="周",
        month="月",
        turns="轮数",
        settings="设置",
        strategy="怎样判断情绪",
        two_stage="小模型和大模型分两步",
        one_prompt="只问大模型一次",
        sem_only="只用小模型",
        llm_only="只用大模型",
        reply_language="回答的语言",
        my_language="和我写的一样",
        region="危险时提供哪个国家的求助电话",
        region_info="两个字母，例如 CN、US 或 GB；留空则使用国际名录。",
        retention="从现在起说的话记多久",
        retention_info="这个选择在此浏览器中一直有效，直到你更改。",
        for_good="一直记着",
        one_day="1 天",
        days="{count} 天",
        region_wrong="{value} 不是国家代码：请填两个字母，或者留空。",
        character="由谁回答",
        no_character="HEF",
        models="模型",
        status_begin="正在读你的话",
        status_safety="正在读出情绪",
        status_reading="正在权衡",
        status_memories="正在读出情绪",
        status_verdict="正在权衡",
        status_decision="正在找引起情绪的词",
        status_causes="正在想怎么回答",
        answered="{name} 回答：{reply}",
        comma="、",
    ),
}
