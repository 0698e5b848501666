// Type a text, see the answer; compare two models; label a table.

import { ask, bars, begin, count, el, problems, share, t } from "/assets/page.js";
import { readCsv, writeCsv } from "/assets/csv.js";

const WAIT = 120;
const SHOWN_LABELS = 8;
const AT_A_TIME = 256;
const EXAMPLES = ["Where is my parcel? It was due on Monday.", "Thank you, this is wonderful!", "这个产品很好用，谢谢！", "又长又闷，不推荐。"];

const main = begin();
const trouble = problems();
const text = el("textarea", { id: "text", rows: 5, placeholder: t("placeholder"), autofocus: true, oninput: () => later() });
const first = el("select", { id: "first", onchange: () => later() });
const second = el("select", { id: "second", onchange: () => later() });
const verdict = el("p", { class: "note", role: "status" });
const results = el("div", { class: "columns" });
const chips = EXAMPLES.map((example) => el("button", { class: "chip", type: "button", lang: /[\u4e00-\u9fff]/.test(example) ? "zh" : "en", onclick: () => { text.value = example; later(); } }, example));
main.append(
  el("h1", {}, t("try_title")),
  el("p", { class: "lead" }, t("try_lead")),
  el("section", { class: "card" },
    el("label", { for: "text", class: "hide" }, t("text")), text,
    el("div", { class: "row" }, el("span", { class: "note" }, t("examples")), ...chips),
    el("div", { class: "row" }, el("label", {}, t("model"), first), el("label", {}, t("compare"), second))),
  trouble.place, results, verdict);

const nameOf = (value) => { const [model, version] = JSON.parse(value); return `${model} · ${version}`; };

try {
  const { models } = await ask("/models");
  second.append(el("option", { value: "" }, t("nobody")));
  for (const model of models) {
    const value = JSON.stringify([model.name, model.version]);
    first.append(el("option", { value, selected: model.default }, nameOf(value)));
    second.append(el("option", { value }, nameOf(value)));
  }
} catch (error) { trouble.show(error); }

let timer = null;
let asking = null;
function later() {
  clearTimeout(timer);
  timer = setTimeout(answer, WAIT);
}

async function answer() {
  asking?.abort();
  asking = new AbortController();
  const input = text.value;
  if (!input.trim()) {
    results.replaceChildren(el("p", { class: "card note" }, t("empty")));
    verdict.textContent = "";
    return;
  }
  const wanted = [first.value, second.value].filter(Boolean);
  try {
    const cards = await Promise.all(wanted.map((value) => one(input, value, asking.signal)));
    trouble.clear();
    results.replaceChildren(...cards.map((card) => card.element));
    verdict.textContent = cards.length < 2 ? "" : t(cards[0].label === cards[1].label ? "agree" : "differ");
  } catch (error) {
    if (error.name !== "AbortError") trouble.show(error);
  }
}

async function one(input, value, signal) {
  const [model, version] = JSON.parse(value);
  const began = performance.now();
  const { predictions, explanation } = await ask("/predict", { body: JSON.stringify({ input, model, version, explain: true }), signal });
  const ms = Math.max(1, Math.round(performance.now() - began));
  const best = predictions[0];
  const label = best?.label ?? t("abstains");
  const rows = predictions.filter((one) => one.label !== null).slice(0, SHOWN_LABELS).map((one) => [one.label, one.score]);
  const element = el("article", { class: "card" },
    el("p", { class: "note" }, `${nameOf(value)} · ${t("took", { ms })}`),
    el("p", { class: "answer" }, el("b", {}, label), el("span", {}, share(best?.score))),
    bars(rows), coloured(input, explanation),
    el("p", { class: "note" }, el("mark", { class: "p3" }, t("for", { label: explanation.label })), " ", el("mark", { class: "n3" }, t("against", { label: explanation.label }))));
  return { element, label };
}

/** The text with its words coloured by their weight; places are counted in characters, not in UTF-16 units. */
function coloured(input, explanation) {
  const characters = Array.from(input);
  const strongest = Math.max(...explanation.words.map((word) => Math.abs(word.weight)), 1e-9);
  const place = el("p", { class: "text" });
  let at = 0;
  for (const word of explanation.words) {
    const [start, end] = word.chars;
    place.append(characters.slice(at, start).join(""));
    const depth = Math.ceil(Math.abs(word.weight) / strongest * 5 - 0.25);
    const content = characters.slice(start, end).join("");
    const name = depth > 0 ? `${word.weight > 0 ? "p" : "n"}${Math.min(depth, 5)}` : null;
    place.append(name ? el("mark", { class: name, title: word.weight.toFixed(2) }, content) : content);
    at = end;
  }
  place.append(characters.slice(at).join(""));
  return place;
}

// A table.
const paste = el("textarea", { id: "csv", rows: 4, placeholder: t("csv_placeholder"), spellcheck: "false", oninput: () => readTable() });
const file = el("input", { type: "file", accept: ".csv,.tsv,.txt,text/csv", onchange: async () => { if (file.files[0]) { paste.value = await file.files[0].text(); readTable(); } } });
const column = el("select", { id: "column" });
const run = el("button", { class: "first", type: "button", disabled: true, onclick: () => labelTable() }, t("csv_run"));
const save = el("a", { hidden: true, download: "labelled.csv" }, t("csv_save"));
const state = el("span", { class: "note", role: "status" });
const table = el("div", { class: "wide" });
main.append(el("h2", {}, t("csv_title")), el("p", { class: "lead" }, t("csv_lead")),
  el("section", { class: "card" }, el("label", { for: "csv", class: "hide" }, t("csv_title")), paste,
    el("div", { class: "row" }, el("label", {}, t("csv_file"), file), el("label", {}, t("csv_column"), column), run, save, state), table));

let rows = [];
function readTable() {
  rows = readCsv(paste.value);
  const names = rows[0] ?? [];
  column.replaceChildren(...names.map((name, i) => el("option", { value: i, selected: /^(text|document|review|content|文本|内容)$/i.test(name) }, name || `${i + 1}`)));
  run.disabled = rows.length < 2;
  state.textContent = paste.value.trim() ? (rows.length < 2 ? t("csv_none") : t("csv_count", { n: count(rows.length - 1) })) : "";
  save.hidden = true;
  table.replaceChildren();
}

async function labelTable() {
  const [model, version] = JSON.parse(first.value);
  const at = Number(column.value);
  const body = rows.slice(1);
  const out = [[...rows[0], t("label"), t("score")]];
  run.disabled = true;
  try {
    for (let start = 0; start < body.length; start += AT_A_TIME) {
      const part = body.slice(start, start + AT_A_TIME);
      const answers = await ask("/predict", { body: JSON.stringify({ input: part.map((row) => row[at] ?? ""), model, version }) });
      part.forEach((row, i) => out.push([...row, answers[i][0]?.label ?? "", (answers[i][0]?.score ?? 0).toFixed(4)]));
      state.textContent = t("csv_progress", { done: count(Math.min(start + AT_A_TIME, body.length)), n: count(body.length) });
    }
    URL.revokeObjectURL(save.href);
    save.href = URL.createObjectURL(new Blob([writeCsv(out)], { type: "text/csv" }));
    save.hidden = false;
    const cells = (row, tag) => el("tr", {}, ...row.map((cell) => el(tag, {}, cell)));
    table.replaceChildren(el("table", {}, el("thead", {}, cells(out[0], "th")), el("tbody", {}, ...out.slice(1, 51).map((row) => cells(row, "td")))));
  } catch (error) { trouble.show(error); }
  run.disabled = false;
}

// A link may carry a text.
text.value = new URLSearchParams(location.search).get("text") ?? "";
answer();
