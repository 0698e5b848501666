"""A synthetic crawl: IMDb reviews in page templates, with navigation, related links and footers; near-duplicates."""
import gzip
import os
import random
import sys
import tarfile
from pathlib import Path

n = int(sys.argv[1]); out = sys.argv[2]
random.seed(1)
texts = []
with tarfile.open(Path(os.environ.get("FENLEI_DATA", "../shared/data")) / "aclImdb_v1.tar.gz") as tar:
    for m in tar:
        if m.name.startswith("aclImdb/train/unsup/") and m.isfile():
            texts.append(tar.extractfile(m).read().decode("utf-8", "replace"))
            if len(texts) >= n: break
words = " ".join(texts[:50]).replace("<br />", " ").split()
def link(): return "".join(f'<li><a href="/{random.randrange(10**6)}">{" ".join(random.choices(words, k=random.randint(1, 9)))}</a></li>' for _ in range(random.randint(8, 30)))
css = "<style>" + "".join(f".c{i} {{ color: #{i*7919%4096:03x}; margin: {i}px auto; }}\n" for i in range(80)) + "</style>"
js = "<script>" + "".join(f"var v{i} = document.getElementById('x{i}'); if (v{i} < {i}) {{ v{i}.innerHTML = '<p>no</p>'; }}\n" for i in range(60)) + "</script>"
def page(t, i):
    paras = "".join(f"<p class=\"para\">{p}</p>\n" for p in t.split("<br /><br />"))
    body = [f'<div id="content">{paras}</div>', f"<article>{paras}</article>", f"<table><tr><td>{t}</td></tr></table>", f"<div class='review'><div>{paras}</div></div>"][i % 4]
    return (f'<!DOCTYPE html><html><head><meta charset="utf-8"><title>Review {i}</title>{css}{js}</head><body><header><ul class="top">{link()}</ul></header>'
            f'<div class="wrap"><h1>Review {i}</h1>{body}<div class="related"><h3>More</h3><ul>{link()}</ul></div></div><footer>Copyright, all rights reserved. {link()}</footer></body></html>')
with open(out, "wb") as f:
    plain = 0
    for i in range(n):
        html = page(texts[i % len(texts)], i).encode()
        block = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n" + html
        rec = (f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: http://example.com/{i}\r\nWARC-Date: 2024-05-01T12:00:00Z\r\nContent-Type: application/http; msgtype=response\r\nContent-Length: {len(block)}\r\n\r\n").encode() + block + b"\r\n\r\n"
        plain += len(rec)
        f.write(gzip.compress(rec, 6))
print(n, plain)
