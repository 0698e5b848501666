#!/usr/bin/env python3
"""Writes crawl-v1.warc.gz with warcio, and crawl-v1.json with what warcio itself reads from it.

The pages are invented. Needs warcio 1.8.1 (and brotli 1.2.1 for the page that is packed with it):

    pip install warcio==1.8.1 brotli==1.2.1
    python3 make_crawl_golden.py
"""

import gzip
import io
import json
import zlib
from pathlib import Path

import brotli
from warcio.archiveiterator import ArchiveIterator
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

HERE = Path(__file__).parent
ENGLISH = (
    "The ferry left the harbour an hour late, and nobody on board seemed to mind, since the sun had come out and "
    "the old man with the accordion knew more songs than the voyage was long."
)
CHINESE = "渡轮晚了一个小时才离开港口，船上的人似乎都不在意，因为太阳出来了，拉手风琴的老人会唱的歌比这段航程还要长。"


def html(title, text, charset):
    return (
        f'<!DOCTYPE html><html><head><meta charset="{charset}"><title>{title}</title></head><body>'
        f'<nav><a href="/">Home</a></nav><p>{text}</p></body></html>'
    )


def chunked(body, size=50):
    parts = [body[i : i + size] for i in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def bare_deflate(body):
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


def main():
    english = html("A ferry", ENGLISH, "utf-8").encode()
    chinese = html("一艘渡轮", CHINESE, "gbk").encode("gbk")
    # name, fields, body as it is sent, text
    pages = [
        ("plain", [("Content-Type", "text/html; charset=utf-8")], english, ENGLISH),
        ("gbk", [("Content-Type", "text/html")], chinese, CHINESE),
        ("chunked", [("Content-Type", "text/html"), ("Transfer-Encoding", "chunked")], chunked(english), ENGLISH),
        ("gzip", [("Content-Type", "text/html"), ("Content-Encoding", "gzip")], gzip.compress(english, mtime=0), ENGLISH),
        (
            "chunked-gzip",
            [
                ("Content-Type", "text/html; charset=gbk"),
                ("Content-Encoding", "gzip"),
                ("Transfer-Encoding", "chunked"),
            ],
            chunked(gzip.compress(chinese, mtime=0)),
            CHINESE,
        ),
        ("deflate", [("Content-Type", "text/html"), ("Content-Encoding", "deflate")], bare_deflate(english), ENGLISH),
        ("brotli", [("Content-Type", "text/html"), ("Content-Encoding", "br")], brotli.compress(english), ENGLISH),
        ("text", [("Content-Type", "text/plain; charset=utf-8")], CHINESE.encode(), CHINESE),
    ]
    out = io.BytesIO()
    writer = WARCWriter(out, gzip=True, warc_version="1.1")
    date = {"WARC-Date": "2024-05-01T12:00:00Z"}
    writer.write_record(writer.create_warcinfo_record("crawl-v1.warc.gz", {"software": "make_crawl_golden.py"}))
    for name, fields, body, _ in pages:
        url = f"http://example.com/{name}"
        request = StatusAndHeaders(f"GET /{name} HTTP/1.1", [("Host", "example.com")], is_http_request=True)
        writer.write_record(writer.create_warc_record(url, "request", http_headers=request, warc_headers_dict=date))
        head = StatusAndHeaders("200 OK", fields, protocol="HTTP/1.1")
        writer.write_record(
            writer.create_warc_record(
                url, "response", payload=io.BytesIO(body), http_headers=head, warc_headers_dict=date
            )
        )
    writer.write_record(
        writer.create_warc_record(
            "http://example.com/wet",
            "conversion",
            payload=io.BytesIO(ENGLISH.encode()),
            warc_content_type="text/plain",
            warc_headers_dict=date,
        )
    )
    (HERE / "crawl-v1.warc.gz").write_bytes(out.getvalue())
    texts = {name: text for name, _, _, text in pages} | {"wet": ENGLISH}
    records = []
    for record in ArchiveIterator(io.BytesIO(out.getvalue())):
        if record.rec_type in ("response", "conversion"):
            url = record.rec_headers.get_header("WARC-Target-URI")
            # What warcio reads must hold the text, or the file is not what it should be.
            packed = record.http_headers and record.http_headers.get_header("Content-Encoding") == "br"
            # warcio 1.8.1 cannot use this version of brotli.
            body = brotli.decompress(record.raw_stream.read()) if packed else record.content_stream().read()
            name = url.rsplit("/", 1)[1]
            encoding = "gbk" if name in ("gbk", "chunked-gzip") else "utf-8"
            assert texts[name] in body.decode(encoding), name
            records.append({"url": url, "date": record.rec_headers.get_header("WARC-Date"), "text": texts[name]})
    (HERE / "crawl-v1.json").write_text(json.dumps(records, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main()
