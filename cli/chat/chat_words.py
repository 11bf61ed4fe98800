"""What `hef chat` itself says, in English and Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ...contract.dialogue import TextLanguage


@dataclass(frozen=True, slots=True)
class ChatWords:
    """The words of one language; what is in braces is filled in."""

    you: str = "you"
    program: str = "You talk with a program, not a person."
    small_model: str = "Its replies come from a small demonstration model (135M, English) that often misses the point \
and plays no character; --model brings another."
    new: str = "New conversation{name} of {person}. /help lists the commands."
    resumed: str = "Resumed conversation{name} of {person}, {turns} so far. It ended:"
    one_turn: str = "1 turn"
    turns: str = "{count} turns"
    leave: str = "(Ctrl-C again or Ctrl-D to leave)"
    stopped: str = "(stopped; what you said is kept, and the reply as far as it came. Ctrl-C again or Ctrl-D to leave)"
    stopped_before: str = "(stopped, what you said is kept; Ctrl-C again or Ctrl-D to leave)"
    waiting: str = "(waiting for another terminal, which is in the middle of a turn)"
    which_emotion: str = "yes, no, or the emotion that it is:"
    no_message: str = "There is no message yet."
    not_read: str = "The last message has not been read: the turn failed or was stopped before."
    no_command: str = "There is no command {name}. /help lists them."
    no_such_command: str = "There is no command {name}. Did you mean /{nearest}?"
    meant: str = "Did you mean /{command}? yes, no, or write {word} once more to say it:"
    goes_on: str = "All right, the conversation goes on."
    edit_how: str = "Your last message was: {text}\nSay it anew by /edit TEXT."
    editing: str = "Change your last message, or empty the line to leave it:"
    after_pause: str = "Some time has passed, so this is a new conversation: {name}. /threads lists those before."
    taken: str = "There is a conversation {name} already; /threads {name} continues it."
    no_thread: str = "There is no conversation {name}; /threads lists yours, /new {name} begins one."
    this_one: str = "this one"
    private_on: str = "Private from now on: nothing is recalled or written down, and this part of the conversation is \
gone when you leave it or type /private again."
    private_off: str = "No longer private: what was said in private is gone, and what you say now is kept."
    private_first: str = "This is private; /private ends it first."
    private_memory: str = "This conversation is private: the memory is not opened."
    nothing_stored: str = "Nothing is stored."
    nothing_near: str = "Nothing that is remembered is close to that."
    of_all: str = "{shown} of {total}; `hef memory list` shows all."
    which_id: str = "Which one? /{command} ID; /memory shows the ids."
    no_id: str = "{id} begins the id of {count}; /memory shows the ids."
    no_turn: str = "no turn"
    forgotten: str = "Forgotten: {text}"
    pinned: str = "Recalled with every reply from now on: {text}"
    hidden: str = "Never recalled from now on: {text}"
    unmarked: str = "Recalled where it bears on what is said, as before: {text}"
    with_character: str = "You talk with {name} now."
    without_character: str = "You talk with no character now."
    is_set: str = "{name} is {value} until you leave."
    set_how: str = "/set NAME VALUE, such as /set language German; the value default is its default."
    unused: str = "Not used of the character: {what}."
    left_out: str = "left out: {fault}"
    no_character: str = "Not listed, its file is no character: {fault}"
    long: str = "this conversation has become long: from now on its oldest part is not read with each message"

    def count_turns(self, count: int) -> str:
        """Return a number of turns in words."""
        words = self
        return words.one_turn if count == 1 else words.turns.format(count=count)


WORDS: Mapping[TextLanguage, ChatWords] = {
    "en": ChatWords(),
    "zh": ChatWords(
        you="你",
        program="和你对话的是程序，不是人。",
        small_model="回复来自一个小型演示模型（135M，英文），它常常答非所问，也不会扮演角色；用 --model 换别的模型。",
        new="{person} 的新对话{name}。/help 列出命令。",
        resumed="继续 {person} 的对话{name}，已有 {turns}。上次结束于：",
        one_turn="1 轮",
        turns="{count} 轮",
        leave="（再按一次 Ctrl-C 或按 Ctrl-D 离开）",
        stopped="（已停止；你说的话和回复已写出的部分都保留了。再按一次 Ctrl-C 或按 Ctrl-D 离开）",
        stopped_before="（已停止，你说的话保留了；再按一次 Ctrl-C 或按 Ctrl-D 离开）",
        waiting="（另一个终端的这一轮还没有结束，正在等待）",
        which_emotion="请回答：是、不是，或者说出是哪种情绪：",
        no_message="还没有消息。",
        not_read="上一条消息没有读完：这一轮失败了或在此之前被停止了。",
        no_command="没有命令 {name}。/help 列出命令。",
        no_such_command="没有命令 {name}。你是想用 /{nearest} 吗？",
        meant="你是想用 /{command} 吗？回答“是”或“不是”，或者再写一次 {word} 就当作你说的话：",
        goes_on="好，我们继续。",
        edit_how="你上一条消息是：{text}\n用 /edit TEXT 重说。",
        editing="修改你上一条消息；清空这一行则不改：",
        after_pause="过了一段时间，所以这是新的对话：{name}。/threads 列出以前的对话。",
        taken="已经有对话 {name}；/threads {name} 继续它。",
        no_thread="没有对话 {name}；/threads 列出你的对话，/new {name} 开始一个。",
        this_one="当前",
        private_on="从现在起是私密的：不回忆也不写下任何内容；离开或再输入 /private 后，这部分对话就没有了。",
        private_off="不再私密：私密时说的话已经没有了，现在说的会保存。",
        private_first="现在是私密的；先用 /private 结束。",
        private_memory="这个对话是私密的：没有打开记忆。",
        nothing_stored="什么也没有记住。",
        nothing_near="记住的内容里没有和这相近的。",
        of_all="共 {total}，显示 {shown}；`hef memory list` 显示全部。",
        which_id="哪一条？/{command} ID；/memory 显示编号。",
        no_id="以 {id} 开头的编号有{count}；/memory 显示编号。",
        no_turn=" 0 轮",
        forgotten="已忘记：{text}",
        pinned="从现在起每次回复都会想起：{text}",
        hidden="从现在起不再想起：{text}",
        unmarked="和以前一样，有关时会想起：{text}",
        with_character="现在和你对话的是 {name}。",
        without_character="现在没有使用角色。",
        is_set="{name} 现在是 {value}，直到你离开。",
        set_how="/set NAME VALUE，例如 /set language German；值写 default 恢复默认。",
        unused="角色里没有用到：{what}。",
        left_out="没有做到：{fault}",
        no_character="没有列出，文件不是角色：{fault}",
        long="这段对话已经很长：从现在起，每次回复不再读最早的部分",
    ),
}
