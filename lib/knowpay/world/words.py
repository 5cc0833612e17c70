"""Words of a simulated company: course reviews, reasons for leaving and service messages, with known truth.

A text is an opening, a core and a closing. The core follows the code that the caller gives, save for the shares below.
[a/b] in a sentence stands for either; some texts have a slip of the pen.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import product

import numpy as np

from .settings import CAUSES

ASPECTS = ("content", "price", "service")
TOPICS = ("payment", "refund", "account", "playback", "content", "certificate", "membership")
SENTIMENTS = ("negative", "mixed or neutral", "positive")  # counted from -1
MUTED = 0.15  # of reviews: praise or complaint that names no aspect
IRONIC = 0.03  # of negative reviews: the words of praise, at times given away by the closing
VAGUE = 0.20  # of leaving texts: no reason
MIXED = 0.08  # of service messages: a question about a second topic follows
EMPTY = 3  # empty openings and empty closings in each list

# Keys are what the caller's codes mean, in the order of the codes. English and Chinese sentences stand side by side.
REVIEW = {
    ("content", -1): """Too shallow, mostly definitions. The lecturer rushes and I lost the thread. The examples are
    years out of date. Half of every lesson is small talk. He reads the slides aloud and adds nothing. A pile of
    concepts and not one worked example. 内容太浅，都是网上能搜到的。讲得太快，完全跟不上。案例是好几年前的，
    早就过时了。一节课一半时间在闲聊，干货没几句。照着稿子念，听得想睡觉。概念堆了一大堆，就是不讲怎么用。""",
    ("content", 0): """Strong start, rushed ending. The teacher knows the subject but wanders a lot. Good examples, too
    few exercises. The theory is clear, the practical part is thin. Much what the outline says, no more. Decent, though
    some parts need a second viewing. 前几章很好，后面明显赶工。老师有水平，就是讲得有点散。案例不错，可惜练习太少。
    理论部分清楚，实操部分比较粗。难度适中，没什么惊喜，也没什么坑。一半内容早就知道，另一半有收获。""",
    ("content", 1): """Clear lessons with examples I could use the next day. The teacher makes hard ideas simple.
    Starts from zero at the right pace. The exercises make it stick. Very well structured, my notebook is full. Dense
    in the best way, not a wasted minute. 内容扎实，例子很贴近工作。老师讲得透彻，复杂的地方一听就懂。由浅入深，
    零基础也能跟上。每节课都有练习，马上就能用上。条理清楚，笔记记了满满一本。干货多，没有一句废话。""",
    ("price", -1): """Expensive for what it is. It went on sale the day after I paid full price. Overpriced, similar
    courses cost half as much. Not worth the money at all. The discount vanished at checkout. One course split into
    three, and you pay for each. 有点贵，内容撑不起这个价格。刚买完就打折，心里很不舒服。价格虚高，同类课便宜一半。
    花了大几百，感觉不值。说好的优惠，结账时没有了。这钱花得冤枉，不如买两本书。""",
    ("price", 0): """Not cheap, not outrageous either. Fair on sale, I would not pay full price. You get what you pay
    for, hardly a bargain. The price is about the same as elsewhere. Good material, I just wish it cost a little less.
    Average value for money. 价格不算便宜，也不算离谱。打折的时候买可以，原价就算了。一分钱一分货，谈不上划算。
    价钱中等，和别家差不多。有优惠券还行，没券要想一想。性价比一般，不亏也不赚。""",
    ("price", 1): """Worth every penny. Bought it on sale, a steal. Great value for money. Almost free with the coupon.
    Fair price, no hidden fees. It paid for itself already. 这个价格很值。活动价买的，超值。一顿饭钱学到这么多，赚了。
    性价比很高，同价位没有更好的。用了优惠券，几乎白送。钱花得不心疼，早赚回来了。""",
    ("service", -1): """Nobody answered my question for days. The video keeps freezing and support says restart. The
    study group has no tutor in it. My homework waited a month for feedback. Support was rude, then stopped replying.
    The download link is broken, nobody fixes it. 提问三天没人回。视频总是卡，客服只会让我重启。助教答非所问，
    全是话术。说好的答疑群，一个老师都没有。作业交了一个月还没批改。客服态度很差，问急了就不理人。""",
    ("service", 0): """Support was slow but solved it. Some assistants are keen, others not. The study group is lively,
    the tutor absent. Homework gets marked, with short comments. Support was polite, if not much help. Quick answers by
    day, silence at night. 客服回复慢了点，不过问题解决了。助教有时候很热心，有时候找不到人。播放偶尔卡一下，
    不影响学习。群里挺热闹，老师出现得少。作业有批改，评语比较简单。白天很快有人回，晚上没人。""",
    ("service", 1): """The assistants answer within the hour. Support walked me through it step by step. My homework
    came back with careful comments. Smooth playback and easy downloads. They actually acted on my suggestion. The
    class coach kept me going. 助教回复很快，半小时就有答案。客服耐心，一步一步教我弄好了。作业批改得很细，
    连错别字都标出来。答疑群氛围好，老师每天都在。播放流畅，下载资料也方便。提的建议真的被采纳了，很用心。""",
    ("none", -1): """Very disappointed. Not what I expected. I regret it. It let me down. Simply not good. I feel
    cheated. 很后悔。和想象的差太远。一言难尽。感觉被骗了。完全没达到预期。真的不行。""",
    ("none", 0): """It is okay. So so. Neither good nor bad. About average. No strong feelings. Some good, some bad.
    一般般。还行吧。谈不上多好，也不算差。中等水平。有好有坏。凑合。""",
    ("none", 1): """Very happy with it. Better than I expected. Just excellent. I got a lot out of it. Love it. Really
    great. 很满意。超出预期。非常好，没得说。收获很大。太喜欢了。没有选错。""",
}
REVIEW_OPENING = {
    (): """Honest review. Just finished. My first review here. On and off for weeks now. A colleague sent me here.
    Halfway through. 说实话，|刚学完，|学完说一句，|第一次写评价，|断断续续学了几周，|同事推荐来的，|学了一半，""",
}
REVIEW_CLOSING = {
    (-1,): """Disappointing. One star. Think twice. Never again. 失望。希望改进。差评。只能给一星。""",
    (0,): """Three stars. Make of that what you will. Depends on what you need. I will wait and see. Hope it gets
    better. 仅供参考。看个人需要吧。先给三星。再看看吧。见仁见智。希望越来越好。""",
    (1,): """Recommended. Five stars. I will be back. Thumbs up. Keep it up. 推荐。五星好评。下次还来。点赞。""",
    ("ironic",): """Sure. Slow clap. Thanks a lot. Well done. Five stars. 呵呵。鼓掌。我谢谢你们。五星好评。""",
}
LEAVING = {
    ("price",): """It costs [more than I use it for/too much for what I watch]. Money is tight [at the moment/this
    year/these months]. I cannot [justify/afford] the [yearly fee/membership fee]. No discount, so no renewal. The
    price went up again. [Too expensive/Simply too dear/A bit too pricey] for me. 会员[太贵了/有点贵/性价比太低]，
    用不回本。[最近手头紧/这阵子开销大/今年要省钱]，先省一省。一年好几百，实在[舍不得/划不来]。
    没有[优惠/折扣/活动]就不续了。又涨价了，不划算。算下来每节课都不便宜。""",
    ("no_time",): """No time to study [these weeks/at the moment/any more]. Work has been [too busy/crazy/all overtime].
    We have a new baby, I cannot keep up. I hardly ever opened it. I have exams to prepare. Too much travel, I fell
    [behind/out of it]. [最近/这段时间/这阵子]工作太忙，[没时间看/没空学/顾不上听]。孩子刚出生，顾不上学习。
    [每天/天天]加班，回家就睡了。开通后没打开过几次。要准备考试，没空听课。出差多，课都落下了。""",
    ("finished",): """I finished [what I came for/the course I wanted/everything on my list]. I [got/have] my
    certificate. I joined for one course, done. I passed my exam. The column ended and so do I. My study plan is
    [done/complete]. [想学的/感兴趣的]课都学完了。已经拿到证书，目标达成了。就为那一门课，[听完了/学完了]。
    考试过了，用不上了。专栏更新完了，我也看完了。计划里的内容全部学完。""",
    ("content",): """Not enough new courses. Nothing new in my field for [months/weeks/half a year]. The lessons got
    [thinner/shallower]. Nothing for advanced learners. My favourite teacher left. It is out of date. 新课太少，
    质量也下降了。内容[越来越水/越来越浅/大不如前]。课程偏入门，没有进阶的。喜欢的老师走了，其他课听不进去。
    推荐的课都不是我[想学/需要]的。讲的东西太旧，跟不上行业。""",
    ("service",): """Support never [solved/looked at] my problem. I reported it [several times/three times] and nobody
    acted. It crashes all the time. Questions go unanswered and the study group is deserted. Support
    passes me from one person to the next. Too many notifications and no way to stop them.
    客服[态度差/不理人/答非所问]，问题没解决。反馈了[几次/好几遍]都没人处理。软件老是闪退，影响心情。提问没人答，学习群也没人管。客服推来推去，太累了。
    推送消息太多，关都关不掉。""",
    ("switched",): """I [moved/switched] to another platform. My company pays for a different one. A friend took me
    elsewhere. Another site has the [course/teacher] I want. I watch short videos now. I joined a classroom course
    instead. 换到[别的/另一个]平台了。公司给买了另一家的会员。朋友拉我去了另一个平台。
    别处有我要的[课/老师]。现在主要靠短视频学。报了线下班，这边先停。""",
    ("payment_failed",): """The payment [failed/was refused] and I let it go. The charge did not go through. There was
    not enough in my account. Automatic renewal failed. My card expired. My old card was closed. 银行卡换了，没扣成功。
    扣款[失败/没成功]，会员就断了。卡里余额不足，续费没过。付款一直报错，就算了。
    自动续费没成功，懒得再弄。绑定的卡过期了。""",
    ("none",): """Just taking a break. I do not need it any more. No particular reason. Personal reasons. Maybe later.
    It is time to stop. 这次先不续了。不需要了。暂时休息一下。没什么特别的原因。就是想停一停。个人原因。""",
}
LEAVING_OPENING = {
    (): """Hello. Since you ask. Sorry. Canceling. 你好，|既然问了，|说明一下，|老实说，|取消原因：""",
}
LEAVING_CLOSING = {
    (): """I may be back. Thanks. Take care. Please confirm. All the best. 以后再来。谢谢。祝好。请确认。辛苦了。""",
}
TICKET = {
    ("payment", -1): """You charged me twice for one order! I paid and the course is still locked! Checkout refuses my
    valid coupon! Order unpaid, but the money is gone! Two weeks and still no invoice! 钱扣了两次，订单却只有一个！
    付款成功了，课程还是锁着的！优惠券明明有效，就是不给减！试了五遍都提示支付失败！发票申请半个月了还没开！""",
    ("payment", 0): """How can I pay? Where do I enter a coupon? How do I get an invoice? Can I pay in instalments? Can
    I change an order? 支持哪些付款方式？付款页面打不开，怎么办？优惠券在哪里填？怎么开发票？可以分期付款吗？""",
    ("payment", 1): """The invoice arrived. The coupon works now. The other card worked. The order is marked paid. The
    extra charge is gone. 发票收到了。优惠券能用了。换卡就付成功了。订单显示已付款了。多扣的钱查清了。""",
    ("refund", -1): """Two weeks waiting for my refund! Refund rejected without a reason! You refunded only half! You
    agreed to refund me and now deny it! My refund is under review forever! 申请退款两周了，一分钱没退！退款被驳回，
    没有理由！退款金额不对，少退了一半！答应退款，转头不认账！退款进度一直停在审核中！""",
    ("refund", 0): """How long does a refund take? Will the refund go back to the same card? Can I get my money back
    after two lessons? Where do I apply for a refund? How much is refunded if I used a coupon? 买错课了，可以退吗？
    退款一般几天到账？听了两节还能退吗？在哪里申请退款？用券买的课怎么退款？""",
    ("refund", 1): """The refund has arrived. The refund was quick. It came back the same day. The refunded amount is
    right. I got my money back. 退款到账了。退款办得很快。没想到当天就退了。退款金额没错。退回来的钱收到了。""",
    ("account", -1): """I cannot log in, my courses are gone! The verification code never comes! My new password is
    refused! You blocked my account! A stranger is using my account! 账号突然登不上，课全没了！验证码一直收不到！
    密码改了三次还是提示错误！无缘无故封我的号！换手机之后学习记录全丢了！""",
    ("account", 0): """I forgot my password, how can I reset it? Can two accounts be merged? How do I delete my
    account? Where can I edit my nickname? On how many devices can I be logged in? 忘记密码怎么找回？
    两个账号可以合并吗？怎么注销账号？昵称在哪里改？一个账号能同时登录几台设备？""",
    ("account", 1): """I have my account back. I can log in again. My history is restored. The new password works. The
    new phone is linked. 账号找回来了。能正常登录了。学习记录恢复了。新密码能用了。手机号换绑成功了。""",
    ("playback", -1): """Sound and picture are out of step! It crashes halfway through every video! My downloads will
    not open! A black screen all evening! No sound at double speed! 视频卡得没法看！播到一半就闪退，每次都这样！
    缓存好的课打不开，白下载了！黑屏一晚上，什么都看不了！倍速一开就没声音，修了多久了！""",
    ("playback", 0): """Can I watch offline? How do I change the speed? Where are the subtitles? Can I watch on
    television? Can I only listen? 可以离线看吗？怎么调倍速？字幕在哪里打开？能投屏吗？清晰度怎么选？""",
    ("playback", 1): """The video no longer stutters. The sound is back. The downloaded lessons open now. The subtitles
    show up. No more crashes. 视频不卡了。声音恢复正常了。离线缓存能打开了。字幕出来了。闪退的问题没有了。""",
    ("content", -1): """The handout is full of mistakes! Weekly lessons promised, none for a month! Slides are missing!
    The answers to the exercises are wrong! The course is nothing like its description! 第三章的讲义全是错的！
    说好每周更新，一个月没动静！课件缺页，后面的章节没法学！练习题答案错了也没人改！课程介绍和实际讲的完全两回事！""",
    ("content", 0): """Is this course for beginners? When is the next lesson? Where are the slides? Are there
    solutions? Is the live class recorded? 适合零基础吗？什么时候更新？课件在哪里下载？练习有答案吗？直播有回放吗？""",
    ("content", 1): """The missing slides are there. The mistake in the handout is corrected. The new chapter came just
    in time. I found the solutions to the exercises. The course you suggested fits me well. 课件补齐了。
    讲义的错误改过来了。练习题的答案找到了。推荐的那门课很合适。直播回放看到了。""",
    ("certificate", -1): """Two months since I finished and no certificate! My name is misspelt on the certificate! The
    certificate will not open and my employer is waiting! Nobody can verify my certificate number! You promised a
    printed certificate, now there is none! 学完两个月了证书还没发！证书上名字印错了，没人给改！证书打不开，
    单位等着要！证书编号查不到，单位说是假的！说好有纸质证书，现在又说没有！""",
    ("certificate", 0): """When will I get my certificate? How do I correct the name on a certificate? Is there a
    printed certificate? Where can I download my certificate? Do employers accept the certificate?
    学完多久可以拿到证书？证书上的名字怎么改？有纸质证书吗？证书在哪里下载？用人单位认这个证书吗？""",
    ("certificate", 1): """My certificate arrived. The name on the certificate is right now. I downloaded the
    certificate. The certificate number can be verified. My employer accepted the certificate. 证书收到了。
    证书上的名字改好了。证书已经下载下来了。证书编号能查到了。单位认可这张证书。""",
    ("membership", -1): """You renewed my membership without asking! Renewal is off and you still charged me! You cut
    the member benefits! My membership stopped too early! My bonus days never arrived! 没同意就自动续费！
    关了自动续费还在扣！会员买了，课还要单独付钱！会员权益说改就改，没人通知！送的会员天数一直没到账！""",
    ("membership", 0): """Which courses does the membership include? How do I turn off automatic renewal? When does my
    membership end? Can I give a membership to a friend? Can I pause my membership? 会员都包含哪些课？
    怎么关闭自动续费？会员什么时候到期？会员能送给朋友吗？会员可以暂停几个月吗？""",
    ("membership", 1): """My membership is active. Automatic renewal is off now. The missing days were added to my
    membership. I understand the member benefits now. My friend received the membership. 会员已经开通了。
    自动续费关掉了。会员天数补上了。会员权益弄明白了。送朋友的会员领到了。""",
}
TICKET_OPENING = {
    (-1,): """What is this? Not again! My third message. Unbelievable. 怎么回事，|又来了，|忍了很久了，|真是服了，""",
    (0,): """Hello. Good morning. Quick question. A beginner here. 你好，|您好，|请教一下，|麻烦问下，|在吗，""",
    (1,): """Good news. Thank you! At last. A short update. Great. 谢谢，|太好了，|反馈一下，|好消息，|终于弄好了，""",
}
TICKET_CLOSING = {
    (-1,): """Fix this now! I will complain if this goes on! I want an answer today! Is anybody there at all? This
    makes me angry! 马上处理！不解决我就投诉！今天必须给个说法！太让人生气了！到底有没有人管！""",
    (0,): """Thanks. Thank you in advance. Please reply. No hurry. Please advise. 谢谢。辛苦了。盼回复。不急。""",
    (1,): """Thanks to support. Much appreciated. Very helpful. Have a good day. 感谢客服。辛苦了。谢谢你们。""",
}
TICKET_LINK = {
    (): """Another thing. One more question. While I am here. 另外，|还有，|顺便问一下，""",
}


SLIPS = {"的": "得", "在": "再", "已": "己", "那": "哪", "做": "作", "像": "象"}  # characters that fingers mistake


def either(sentence: str) -> list[str]:
    """Return the sentences that a template stands for: one for each choice within [a/b]."""
    parts = re.split(r"\[(.*?)\]", sentence)  # the choices are every second part
    choices = [part.split("/") if at % 2 else [part] for at, part in enumerate(parts)]
    return ["".join(chosen) for chosen in product(*choices)]


def with_slips(texts: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Return the texts, a share of them with one slip of the pen: a character mistaken, or two letters in turn."""
    chance, place = rng.random(len(texts)), rng.random(len(texts))
    slipped = texts.copy()
    for at in np.flatnonzero(chance < share):
        slipped[at] = slip(texts[at], place[at])
    return slipped


def slip(text: str, place: float) -> str:
    """Return a text with one slip, at the first place for one from ``place`` (0-1) on; as it is where there is none."""
    begin = int(place * len(text))
    for at in (*range(begin, len(text)), *range(begin)):
        two = text[at : at + 2]
        if two[0] in SLIPS:
            return text[:at] + SLIPS[two[0]] + text[at + 1 :]
        if two.isascii() and two.isalpha() and two.islower() and two[0] != two[-1]:
            return text[:at] + two[::-1] + text[at + 2 :]
    return text


class Bank:
    """Sentences in cells; the cells are numbered in the order of their keys, English (0) before Chinese (1)."""

    def __init__(self, texts: Mapping[tuple, str], form: str = "{}", empty: int = 0) -> None:
        """Split the texts after full stops and at bars; ``form`` puts spaces around English sentences."""
        self.cells: dict[tuple, tuple[str, ...]] = {}
        for key, text in texts.items():
            flat = re.sub(r"(?<=[^ -~]) ", "", " ".join(text.split()))  # no spaces within Chinese
            found = [one for part in re.split(r"(?<=[.!?]) |(?<=[。！？])|\|", flat) if part for one in either(part)]
            self.cells[*key, 0] = (*(form.format(part) for part in found if part.isascii()), *[""] * empty)
            self.cells[*key, 1] = (*(part for part in found if not part.isascii()), *[""] * empty)
        self.shape = tuple(len(set(axis)) for axis in zip(*self.cells, strict=True))
        self.sentences = np.array([part for cell in self.cells.values() for part in cell], dtype=object)
        self.size = np.array([len(cell) for cell in self.cells.values()])
        self.start = self.size.cumsum() - self.size

    def draw(self, rng: np.random.Generator, *axes: np.ndarray) -> np.ndarray:
        """Return a sentence for each row, each sentence of its cell being equally likely."""
        cell = np.ravel_multi_index(axes, self.shape)
        return self.sentences[self.start[cell] + rng.integers(self.size[cell])]


_REVIEW, _LEAVING, _TICKET = Bank(REVIEW), Bank(LEAVING), Bank(TICKET)
_REVIEW_OPENING, _REVIEW_CLOSING = Bank(REVIEW_OPENING, "{} ", EMPTY), Bank(REVIEW_CLOSING, " {}", EMPTY)
_LEAVING_OPENING, _LEAVING_CLOSING = Bank(LEAVING_OPENING, "{} ", EMPTY), Bank(LEAVING_CLOSING, " {}", EMPTY)
_TICKET_OPENING, _TICKET_CLOSING = Bank(TICKET_OPENING, "{} ", EMPTY), Bank(TICKET_CLOSING, " {}", EMPTY)
_TICKET_LINK = Bank(TICKET_LINK, " {} ")


def _codes(chinese: np.ndarray, **codes: tuple[tuple[str, ...], np.ndarray]) -> list[np.ndarray]:
    """Check all arrays and return each counted from 0, then the language (1: Chinese)."""
    chinese = np.asarray(chinese)
    if chinese.dtype != bool or chinese.ndim != 1:
        raise ValueError("chinese must be a flat array of True and False, one for each text.")
    checked = []
    for name, (meaning, given) in codes.items():
        code = np.asarray(given)
        if code.shape != chinese.shape or code.dtype.kind not in "iu":
            raise ValueError(f"{name} must be a flat array of whole numbers, as long as chinese ({len(chinese)}).")
        code = code.astype(np.int64) + (meaning is SENTIMENTS)
        wrong = np.asarray(given)[(code < 0) | (code >= len(meaning))]
        if len(wrong):
            known = ", ".join(f"{i - (meaning is SENTIMENTS)} ({word})" for i, word in enumerate(meaning))
            raise ValueError(f"{name} has the unknown code {wrong[0]}; use one of {known}.")
        checked.append(code)
    return [*checked, chinese.astype(np.int64)]


def review_text(aspect: np.ndarray, sentiment: np.ndarray, chinese: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a course review for each row: object array of str; ``aspect`` counts in :data:`ASPECTS`."""
    about, mood, language = _codes(chinese, aspect=(ASPECTS, aspect), sentiment=(SENTIMENTS, sentiment))
    chance = rng.random(len(about))
    ironic = (mood == 0) & (chance >= 1 - IRONIC)
    core = _REVIEW.draw(rng, np.where(chance < MUTED, len(ASPECTS), about), np.where(ironic, 2, mood), language)
    closing = _REVIEW_CLOSING.draw(rng, np.where(ironic, 3, mood), language)
    return _REVIEW_OPENING.draw(rng, language) + core + closing


def leaving_text(cause: np.ndarray, chinese: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return what each leaver writes: object array of str; ``cause`` counts in :data:`CAUSES`."""
    why, language = _codes(chinese, cause=(CAUSES, cause))
    core = _LEAVING.draw(rng, np.where(rng.random(len(why)) < VAGUE, len(CAUSES), why), language)
    return _LEAVING_OPENING.draw(rng, language) + core + _LEAVING_CLOSING.draw(rng, language)


def ticket_text(topic: np.ndarray, sentiment: np.ndarray, chinese: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a service message for each row: object array of str; ``topic`` counts in :data:`TOPICS`.

    ``sentiment`` is -1 (angry), 0 (a plain question) or 1 (thanks).
    """
    about, mood, language = _codes(chinese, topic=(TOPICS, topic), sentiment=(SENTIMENTS, sentiment))
    core = _TICKET.draw(rng, about, mood, language)
    mixed = np.flatnonzero(rng.random(len(about)) < MIXED)
    other = (about[mixed] + rng.integers(1, len(TOPICS), len(mixed))) % len(TOPICS)
    question = _TICKET.draw(rng, other, np.ones_like(other), language[mixed])  # 1: a plain question
    core[mixed] += _TICKET_LINK.draw(rng, language[mixed]) + question
    return _TICKET_OPENING.draw(rng, mood, language) + core + _TICKET_CLOSING.draw(rng, mood, language)
