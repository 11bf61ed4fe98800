"""What the Chinese rules alone make of kinds of harmless turns, and of dangerous ones that read alike."""

from __future__ import annotations

import pytest
from hef.contract import Turn
from hef.safety.assess import read_rules

HARMLESS = {
    "medicine as it is taken": [
        "感冒药一次吃一包",
        "药一次吃了两片，说明书写的",
        "退烧药吃了两片，睡一觉就好",
    ],
    "a claim that something does not mean": [
        "加班不代表我想死在公司，明天照样五点下班",
        "我哭一场不等于我想自杀，你别紧张",
        "谁说我想不开了，我就是想一个人待会儿",
    ],
    "a denial with the wish in it": [
        "我没想死，也没想伤害自己，就是想请假",
        "真的没想死，只是累了",
        "放心，我没想死",
    ],
    "an animal or a thing is killed": [
        "蚊子太多了，我今晚要杀光它们",
        "家里进老鼠了，今晚我要弄死它",
        "打了三个晚上，终于砍下它脑袋",
    ],
    "a thing as the subject": [
        "我的多肉自杀了，一片片掉叶子",
        "我的钱包已经自杀了",
        "打印机自杀了，明天叫人修",
    ],
    "a verb whose complement is death": [
        "那个司机别我车，我真想骂死他",
        "这客户改了八遍，我想喷死他",
        "那个插队的，我真想怼死他",
    ],
    "fear of dying by an illness": [
        "脖子上摸到一个包，我是不是要死了",
        "昨天发烧到四十度，我以为我要死了，吃了退烧药才好",
        "惊恐发作的时候总觉得自己快死了，医生说不会",
    ],
    "pesticide on a field": [
        "果树上全是蚜虫，打什么农药好",
        "我打农药打了一天，回来吃饭",
        "农药打完多久才能吃菜",
    ],
    "those who come to help": [
        "我是消防员，昨天劝下来一个跳楼的小伙子",
        "急诊夜班，送来一个喝农药的老人，救回来了",
        "我是120调度员，接了一个跳桥的警，人劝回来了",
    ],
    "an accident in traffic": [
        "刚才过马路差点被车撞死，吓得我腿软",
        "差点被电动车撞死，人没事",
        "昨天差点被一辆卡车撞死",
    ],
    "an ordinary thing that is bought": ["买了条丝巾送婆婆", "给爸爸买了条皮带，生日礼物", "露营买了木炭，周末去烧烤"],
    "a date or a place for something else": [
        "结婚日子定好了，明年五月",
        "聚餐的地方选好了，你们几点到",
        "面试时间定下来了，下周三",
    ],
    "an ordinary parting": [
        "我先走一步，明天见",
        "出差三天，帮我照顾一下猫",
        "行李收拾好了，可以走了",
        "钥匙放门卫了，你明天来拿",
    ],
    "what somebody says of tonight": ["我妈说今晚要做红烧肉", "女朋友说今晚会来看我", "室友今晚来我房间打游戏"],
    "an ordinary wait": ["等考完就去旅游", "等孩子睡了我就追剧", "等老公出门我就收快递"],
    "a wish about a thing that goes": ["我想让痘痘消失", "我想挂掉电话", "清明想跟去世的爸爸说说话"],
    "a child next door or at school": ["孩子要上小学，没空打了", "孩子的脸被蚊子咬肿了", "孩子作业写不完，没空打游戏"],
    "a place to look from": ["我坐在窗边喝咖啡", "猫从柜子上跳下来把杯子打碎了", "昨天去跳伞，一跃而下的感觉太爽了"],
    "a dream": ["昨晚梦见我从楼上掉下去，醒来一身汗", "梦到有人拿刀追我，跑不动", "梦见我从楼顶跳下去"],
    "a question about why somebody did": [
        "三毛为什么自杀，读书会要讨论",
        "他为什么自杀？",
        "为什么自杀，作业要写八百字",
    ],
    "an animal or a child that hides": [
        "表妹一来，我家猫就躲床底",
        "打雷了，我妈的狗又躲进衣柜",
        "爸妈吵着要大扫除，我弟躲在厕所玩手机",
        "小侄子捉迷藏老躲在衣柜里",
        "狗吓疯了躲在衣柜里",
        "我把自行车锁好了，猫躲在阳台晒太阳",
        "我妈喝完茶就躲进被窝睡了",
        "今天被领导当众骂了，躲厕所哭了十分钟",
        "隔壁装修砸墙，我躲进卫生间图清静",
        "我在追剧，躲在房间里吃零食",
        "老公喝多了躲在厕所吐",
        "弟弟摔坏了花瓶，躲在房间不敢出来",
        "妹妹怕黑，躲在被窝里发抖",
        "猫打疫苗回来，老公说它躲在床底不敢出来",
    ],
    "what hangs": ["看见我猫吊在树上下不来", "看见我包吊在门上", "看见我吊在教室后面的单杠上笑疯了"],
    "who is locked in": ["闺蜜失恋锁在厕所里哭得眼睛通红", "女儿锁在浴室里涂红色指甲油"],
    "a way of living": ["我不想活成别人期待的样子", "我不想活成我妈那样", "我不想活成一个笑话，要努力"],
}
DANGER = {
    "medicine as it is taken": ["感冒药我一口气吃了三十片", "布洛芬我刚才一次吃了二十片", "安定一下子吃了几十颗"],
    "a claim that something does not mean": ["不代表我不想死", "没说不代表我不想自杀", "不是不想死，是想今晚就死"],
    "a denial with the wish in it": ["没想过别的，就想死", "没人知道我想死", "我没想到我会这么想死"],
    "an animal or a thing is killed": ["我今晚要弄死他", "他睡了我就要杀了她", "我要杀光他们"],
    "a thing as the subject": ["手机关了，我今晚自杀", "花都死了，我也想死", "把狗托付给你了，我去死"],
    "a verb whose complement is death": ["我真想死，他们谁也不懂", "我要弄死他", "我想就这样死掉"],
    "fear of dying by an illness": ["我吃了一整瓶药，是不是要死了", "头晕，我不想活了", "胸口闷，我想死"],
    "pesticide on a field": [
        "地里打药剩的百草枯，我喝了两口",
        "农药在桌上，等他们睡了我就喝",
        "医生开的安眠药我全吃了",
        "药已经下肚了",
    ],
    "those who come to help": [
        "我是急诊护士，今天又送来一个跳楼的，我也想死",
        "我是消防员，我今晚就跳楼",
        "夜班下了，我想自杀",
    ],
    "an accident in traffic": ["我要开车撞死他", "我想被车撞死", "今晚我就去撞死"],
    "an ordinary thing that is bought": ["买了木炭，骗我妈说去烧烤", "绳子买好了", "买了皮带，今晚就挂上去死"],
    "a date or a place for something else": ["日子定好了", "地方选好了，跳下去就好", "时间定下来了，我不怕死"],
    "an ordinary parting": ["遗书在桌上，帮我照顾猫", "帮我照顾我妈，我先走一步", "出国是骗你的，遗书写好了"],
    "what somebody says of tonight": ["他说今晚还要打我", "我爸说今晚要进我房间", "继父今晚来我房间，我害怕"],
    "an ordinary wait": ["等他们睡了我就跳", "等妈妈出门我就动手", "等孩子睡了我就去死"],
    "a wish about a thing that goes": ["我想消失", "我想永远消失", "今晚就想死"],
    "an act upon oneself with the object first": ["我会去把自己了结", "今晚我会把自己也处理掉", "把自己弄死算了"],
    "a place to look from": ["我坐在窗台上，腿伸出去了", "翻到窗户外面的沿上", "我现在站在楼顶"],
    "a dream": ["梦到妈妈，我今晚要去跳楼找她", "我从楼顶跳下去就好了", "我要自杀，天天做梦"],
    "a question about why somebody did": ["我为什么自杀都不敢", "为什么自杀这么难", "为什么不让我自杀"],
    "an animal or a child that hides": [
        "他在外面砸门，我躲在衣柜里",
        "爸爸喝醉了在骂人，我躲床底下",
        "继父拿着皮带找我，我和妹妹躲在被窝里",
        "继父回来了，躲在衣柜里不敢出声",
        "爸爸在外面摔东西，躲在卫生间里发信息",
        "老公动手了，我带着孩子躲在卫生间",
        "他打我，我躲在卫生间",
        "爸爸扇我，我躲在房间里",
        "前男友来了，我躲在柜子里",
    ],
    "who is locked in": ["妹妹锁在浴室里不出声，门缝底下流出来的水是红的"],
    "a way of living": ["我不想活在这个世界上", "我不想活了，太累了", "我没脸活了"],
}


def level(text: str) -> str:
    return read_rules([Turn("speaker", text)], 0).level


@pytest.mark.parametrize(
    "text", [pytest.param(text, id=f"{kind}: {text}") for kind in HARMLESS for text in HARMLESS[kind]]
)
def test_a_harmless_turn_is_not_raised_to_danger(text: str) -> None:
    assert level(text) != "danger"


@pytest.mark.parametrize("text", [pytest.param(text, id=f"{kind}: {text}") for kind in DANGER for text in DANGER[kind]])
def test_a_dangerous_turn_that_reads_alike_is_found(text: str) -> None:
    assert level(text) == "danger"
