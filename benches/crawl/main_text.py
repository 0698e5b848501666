#!/usr/bin/env python3
"""Compares the main text of a few invented pages with that of trafilatura, and both with what it should be.

    main_text.py FENLEI

The score is F1 over words (a Han character is a word).
"""

import json
import re
import subprocess
import sys
import tempfile
from collections import Counter

import trafilatura

WORD = re.compile("[\u3040-\u30ff\u3400-\u9fff]|[^\\W_\u3040-\u30ff\u3400-\u9fff]+")
EN = [
    "The market hall opens at six, when the first vans from the villages roll in and the fishmongers are already "
    "shovelling ice. By eight the queue for bread reaches the door.",
    "It was built in 1911 for a town of twenty thousand people, and it has been about to be torn down ever since. "
    "Each council has had a plan for it, and each plan has ended in a drawer.",
    "What saved it was not a campaign but a leak. The engineers who came to look at the roof found that the iron "
    "frame was sounder than that of the new station, and said so in public.",
]
ZH = [
    "市场六点开门，这时村里来的第一批货车已经进场，鱼贩们正在铲冰。到了八点，买面包的队伍就排到了门口。",
    "大厅建于一九一一年，当时镇上只有两万人，从那以后它就一直面临拆除。每一届议会都有一个方案，每一个方案最后都进了抽屉。",
    "真正救了它的不是请愿，而是一次漏水。来检查屋顶的工程师发现，铁架比新车站的还要结实，并且公开说了出来。",
]
LINKS_EN = ["Home", "News", "Sport", "Weather and traffic in the region", "Ten places to eat", "Subscribe now"]
LINKS_ZH = ["首页", "新闻", "体育", "本地天气与交通", "十个值得去的餐馆", "立即订阅"]


def links(names, tag="li"):
    return "".join(f'<{tag}><a href="/{i}">{name}</a></{tag}>' for i, name in enumerate(names))


def pages():
    for paragraphs, names, title, small in (
        (EN, LINKS_EN, "The hall that would not fall", "All rights reserved by the paper and its agencies."),
        (ZH, LINKS_ZH, "拆不掉的市场", "版权所有，未经书面许可不得转载本站内容。"),
    ):
        body = "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
        head = f'<html><head><meta charset="utf-8"><title>{title}</title></head><body>'
        expected = " ".join(paragraphs)
        yield "article", f"{head}<nav><ul>{links(names)}</ul></nav><article><h1>{title}</h1>{body}</article><footer>{small}</footer>", expected
        yield "divs", f'{head}<div class="top">{links(names, "span")}</div><div id="c"><h1>{title}</h1>{body}</div><div class="related"><ul>{links(names)}</ul></div><div class="footer">{small}</div>', expected
        old = "<br><br>".join(paragraphs)
        yield "table", f"{head}<table><tr><td>{links(names, 'p')}</td><td><b>{title}</b><p>{old}</td></tr></table><hr>{small}", expected
        one = f"{head}<div>{links(names, 'span')}</div><h1>{title}</h1><p>{paragraphs[0]}</p><ul>{links(names)}</ul>"
        yield "one paragraph", one, paragraphs[0]
        yield "links only", f"{head}<ul>{links(names * 5)}</ul>", ""


def f1(found, expected):
    a, b = Counter(WORD.findall(found.lower())), Counter(WORD.findall(expected.lower()))
    if not a and not b:
        return 1.0
    return 2 * sum((a & b).values()) / (a.total() + b.total())


def by_fenlei(fenlei, html):
    with tempfile.TemporaryDirectory() as folder:
        block = html.encode()
        head = f"WARC/1.0\r\nWARC-Type: resource\r\nContent-Type: text/html\r\nContent-Length: {len(block)}\r\n\r\n"
        with open(f"{folder}/p.warc", "wb") as file:
            file.write(head.encode() + block + b"\r\n\r\n")
        command = [fenlei, "data", "convert", f"{folder}/p.warc", "-", "--to", "jsonl", "--min-chars", "0"]
        out = subprocess.run(command, capture_output=True).stdout
        return json.loads(out)["text"] if out else ""


def main():
    print(f"{'page':<16}{'fenlei':>8}{'trafilatura':>13}{'agreement':>11}")
    totals = [0.0, 0.0, 0.0]
    for i, (name, html, expected) in enumerate(cases := list(pages())):
        ours = by_fenlei(sys.argv[1], html)
        theirs = trafilatura.extract(html) or ""
        # The title may or may not count as text: it is taken out of both.
        title = re.search("<title>(.*?)</title>", html)[1]
        ours, theirs = (text.replace(title, "") for text in (ours, theirs))
        scores = f1(ours, expected), f1(theirs, expected), f1(ours, theirs)
        totals = [total + score for total, score in zip(totals, scores)]
        language = "en" if i < len(cases) // 2 else "zh"
        print(f"{language + ' ' + name:<16}{scores[0]:>8.3f}{scores[1]:>13.3f}{scores[2]:>11.3f}")
    print(f"{'mean':<16}" + "{:>8.3f}{:>13.3f}{:>11.3f}".format(*(total / len(cases) for total in totals)))


if __name__ == "__main__":
    main()
