"""Writes phrases_golden.json: the phrases that gensim finds in small documents, pass by pass.

Needs gensim (made with 4.4.0). Run from any folder; the same version writes the same bytes:
    python make_phrases_golden.py
"""

import json
import random
from pathlib import Path

from gensim.models.phrases import Phrases, original_scorer

random.seed(20240611)

ENGLISH = "the a of film plot actor scene good bad long dull new york city united states special effects love story".split()
CHINESE = "电影 演员 导演 剧情 特效 好看 无聊 中国 北京 爱情 故事 我们 他们 非常 今天".split()
SET_PHRASES = [["new", "york"], ["new", "york", "city"], ["united", "states"], ["special", "effects"], ["爱情", "故事"], ["中国", "导演"]]


def document():
    """Words at random, with set phrases among them."""
    words = []
    while len(words) < random.randrange(3, 25):
        if random.random() < 0.2:
            words += random.choice(SET_PHRASES)
        else:
            words.append(random.choice(random.choice([ENGLISH, CHINESE])))
    return words


def word2phrase_scorer(worda_count, wordb_count, bigram_count, len_vocab, min_count, corpus_word_count):
    """gensim takes the size of its vocabulary where word2phrase takes the number of words; this is word2phrase's."""
    return original_scorer(worda_count, wordb_count, bigram_count, corpus_word_count, min_count, corpus_word_count)


documents = [document() for _ in range(300)]
cases = []
for score, scorer, threshold, min_count, passes in [
    ("pmi", word2phrase_scorer, 10.0, 5, 1),
    ("pmi", word2phrase_scorer, 4.0, 2, 2),
    ("npmi", "npmi", 0.3, 3, 2),
    ("npmi", "npmi", 0.05, 8, 1),
]:
    joined, found = documents, []
    for _ in range(passes):
        phrases = Phrases(joined, min_count=min_count, threshold=threshold, scoring=scorer, delimiter="_")
        scores = phrases.find_phrases(joined)
        # Which bigrams pass, whether or not one before them takes their first word.
        pairs = set()
        for words in joined:
            for first, second in zip(words, words[1:]):
                if phrases.score_candidate(first, second, [])[1] is not None and phrases.score_candidate(first, second, [])[1] > threshold:
                    pairs.add((first, second))
        assert len(pairs) >= len(scores)
        found.append(sorted(pairs))
        joined = [phrases[words] for words in joined]
    case = {"score": score, "threshold": threshold, "min_count": min_count, "passes": passes}
    cases.append({**case, "phrases": found, "joined": [" ".join(words) for words in joined[:40]]})

golden = {"documents": [" ".join(words) for words in documents], "cases": cases}
path = Path(__file__).with_name("phrases_golden.json")
path.write_text(json.dumps(golden, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
print(path, [[len(p) for p in c["phrases"]] for c in cases])
