"""How `fenlei label` does on many documents: time to the page, memory, time to the next documents and to a decision.

    python3 benches/labelling/measure.py target/release/fenlei [--documents 1000000] [--model FILE]

Makes short documents in a temporary folder, some of them near-duplicates, and prints a table. Needs Linux and nothing else.
"""

import argparse
import http.client
import json
import os
import random
import re
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

WORDS = "parcel broken thanks offer cheap where size late refund invoice card order blue green 包裹 谢谢 发票 便宜".split()


def write_documents(path, n):
    rng = random.Random(1)
    with open(path, "w", encoding="utf-8") as out:
        text = ""
        for i in range(n):
            # One in fifty is nearly the one before it.
            if i % 50 != 1:
                text = " ".join(rng.choice(WORDS) + str(rng.randrange(1000)) for _ in range(rng.randrange(5, 16)))
            else:
                text += " !"
            out.write(json.dumps({"text": text, "id": i}, ensure_ascii=False) + "\n")


def processor_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_mb(pid):
    status = Path(f"/proc/{pid}/status").read_text()
    return [int(re.search(rf"{key}:\s+(\d+)", status)[1]) * 1024 / 1e6 for key in ("VmRSS", "VmHWM")]


class Page:
    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)

    def ask(self, path, body):
        began = time.perf_counter()
        self.connection.request("POST", f"/api/{path}", json.dumps(body))
        answer = self.connection.getresponse()
        read = json.loads(answer.read())
        assert answer.status == 200, read
        return read, time.perf_counter() - began


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--documents", type=int, default=1_000_000)
    parser.add_argument("--decisions", type=int, default=200)
    parser.add_argument("--model")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data.jsonl"
        write_documents(data, args.documents)
        command = [args.program, "label", str(data), "--labels", "good,bad", "--port", "0"]
        command += ["--model", args.model] if args.model else []
        began = time.perf_counter()
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        try:
            port = None
            for line in process.stderr:
                found = re.search(r"http://127\.0\.0\.1:(\d+)/", line)
                if found:
                    port = int(found[1])
                    break
            ready = time.perf_counter() - began
            page = Page(port)
            print(f"documents                 {args.documents}")
            print(f"MB of the file            {data.stat().st_size / 1e6:.0f}")
            print(f"start to page, s          {ready:.2f}")
            print(f"of the processor, s       {processor_seconds(process.pid):.2f}")
            print(f"MB at the page            {memory_mb(process.pid)[0]:.0f}")
            times = {"next": [], "decide": []}
            for i in range(args.decisions):
                items, seconds = page.ask("next", {"annotator": "ann", "n": 5, "mode": "mixed", "n_shown": i})
                times["next"].append(seconds)
                item = items["items"][0]
                decision = {
                    "annotator": "ann", "ticket": f"ticket{i:06}", "place": item["place"], "key": item["key"], "kind": "label",
                    "labels": ["good" if "thanks" in item["text"] else "bad"], "why": item["why"], "seconds": 1.0,
                }
                times["decide"].append(page.ask("decide", decision)[1])
            for name, seconds in times.items():
                seconds.sort()
                print(f"{name}, ms: median, p99     {statistics.median(seconds) * 1e3:.1f}, "
                      f"{seconds[int(0.99 * len(seconds))] * 1e3:.1f}")
            found, seconds = page.ask("next", {"annotator": "ann", "n": 5, "mode": "search", "search": "parcel7 谢谢"})
            print(f"search, ms (found)        {seconds * 1e3:.0f} ({found['n_found']})")
            print("MB, MB at most            {:.0f}, {:.0f}".format(*memory_mb(process.pid)))
        finally:
            process.kill()
            process.wait()


if __name__ == "__main__":
    main()
