// Live figures: requests, models, feedback, drift, alerts.

import { ask, bars, begin, count, el, locale, problems, share, svg, t } from "/assets/page.js";

const EVERY = 2000;
const KEPT = 60;

const main = begin();
const trouble = problems();
const figures = el("section", { class: "figures" });
const rate = el("div", { class: "card" });
const alerts = el("div", { class: "card" });
const models = el("div", { class: "columns even" });
const quality = el("div", { class: "columns wider" });
const drift = el("div", { class: "columns wider" });
main.append(el("h1", {}, t("watch_title")), el("p", { class: "lead" }, t("watch_lead")), trouble.place, figures,
  el("div", { class: "columns" }, el("section", {}, el("h2", {}, t("rate")), rate), el("section", {}, el("h2", {}, t("alerts")), alerts)),
  el("h2", {}, t("served")), models, el("h2", {}, t("quality")), quality,
  el("h2", {}, t("drift")), el("p", { class: "note" }, t("drift_lead")), drift);

const rates = [];
let before = null;

const time = (seconds) => {
  if (seconds === null || seconds === undefined) return "–";
  if (seconds < 1) return seconds < 0.001 ? `${Math.round(seconds * 1e6)} µs` : `${+(seconds * 1e3).toFixed(1)} ms`;
  const [d, h, m] = [Math.floor(seconds / 86400), Math.floor(seconds / 3600) % 24, Math.floor(seconds / 60) % 60];
  return d ? `${d} d ${h} h` : h ? `${h} h ${m} min` : m ? `${m} min` : `${Math.round(seconds)} s`;
};

function figure(value, words, bad) {
  return el("div", { class: "card" }, el("b", { class: bad ? "bad" : false }, value), el("span", {}, words));
}

/** A line over the last minutes. */
function line(values, words) {
  const [w, h] = [480, 140];
  const top = Math.max(...values, 1);
  const point = (v, i) => `${(i / (KEPT - 1) * (w - 44) + 40).toFixed(1)},${(h - 18 - v / top * (h - 34)).toFixed(1)}`;
  const grid = [0, 0.5, 1].flatMap((part) => {
    const y = h - 18 - part * (h - 34);
    return [svg("line", { x1: 40, x2: w - 4, y1: y, y2: y, class: "grid" }), svg("text", { x: 34, y: y + 4, "text-anchor": "end" }, count(Math.round(top * part * 10) / 10))];
  });
  return svg("svg", { viewBox: `0 0 ${w} ${h}`, role: "img", "aria-label": words }, ...grid, svg("polyline", { class: "line", points: values.map(point).join(" ") }));
}

/** Two histograms beside each other. */
function pair(usual, recent, words) {
  const [w, h, n] = [320, 70, usual.length];
  const shares = (counts) => { const sum = counts.reduce((a, b) => a + b, 0) || 1; return counts.map((c) => c / sum); };
  const [a, b] = [shares(usual), shares(recent)];
  const top = Math.max(...a, ...b, 1e-9);
  const bar = (value, i, name, part) => svg("rect", { class: name, x: i * w / n + part * w / n / 2.2, y: h - value / top * h, width: w / n / 2.3, height: value / top * h });
  return svg("svg", { viewBox: `0 0 ${w} ${h}`, role: "img", "aria-label": words }, ...a.map((v, i) => bar(v, i, "b", 0)), ...b.map((v, i) => bar(v, i, "a", 1)));
}

const table = (head, rows) => el("div", { class: "wide" }, el("table", {},
  el("thead", {}, el("tr", {}, ...head.map((words) => el("th", {}, words)))),
  el("tbody", {}, ...rows.map((row) => el("tr", {}, ...row.map((cell) => (cell instanceof Node ? el("td", {}, cell) : el("td", {}, `${cell}`))))))));

/** Predicted labels down, true ones across; the most frequent ones of many. */
function matrix(confusion) {
  const sums = new Map();
  for (const [predicted, truth, n] of confusion) for (const label of [predicted, truth]) sums.set(label, (sums.get(label) ?? 0) + n);
  const labels = [...sums.entries()].sort((a, b) => b[1] - a[1]).slice(0, 12).map(([label]) => label).sort();
  const n = (predicted, truth) => confusion.find(([p, t]) => p === predicted && t === truth)?.[2] ?? 0;
  const cell = (row, column) => el("td", { class: row === column ? "n right" : n(row, column) ? "n wrong" : "n" }, count(n(row, column)));
  const head = el("tr", {}, el("th", {}, ""), ...labels.map((label) => el("th", { class: "n" }, label)));
  const rows = labels.map((row) => el("tr", {}, el("th", {}, row), ...labels.map((column) => cell(row, column))));
  return el("div", {}, el("p", { class: "note" }, t("rows_true")), el("div", { class: "wide" }, el("table", {}, el("thead", {}, head), el("tbody", {}, ...rows))));
}

function show(view) {
  const { server } = view;
  if (before) rates.push((server.requests - before.n) * 1000 / (performance.now() - before.at));
  before = { n: server.requests, at: performance.now() };
  if (rates.length > KEPT) rates.shift();
  figures.replaceChildren(
    figure(time(server.uptime_seconds), t("uptime")), figure(count(server.requests), t("requests")),
    figure(count(server.failed), t("failed_requests"), server.failed > 0),
    figure(time(server.p50_seconds), t("latency")), figure(time(server.p99_seconds), t("latency99")),
    figure(count(server.queue_texts), t("queue")),
    figure(server.memory_bytes ? `${Math.round(server.memory_bytes / 1e6)} MB` : "–", t("memory")));
  rate.replaceChildren(line(rates, t("rate")));
  const firing = view.alerts.filter((alert) => alert.firing);
  const alertRow = (alert) => [alert.rule, alert.subject, alert.value.toFixed(3), alert.limit, el("span", { class: alert.firing ? "bad" : "good" }, t(alert.firing ? "firing" : "fine"))];
  alerts.replaceChildren(firing.length ? "" : el("p", { class: "good" }, t("no_alerts")),
    view.alerts.length ? table([t("rule"), t("model"), t("value"), t("limit"), t("state")], view.alerts.map(alertRow)) : "");
  models.replaceChildren(...view.served.map((model) => {
    const sum = model.predictions.reduce((a, b) => a + b, 0);
    const rows = model.labels.map((label, i) => [label, sum ? model.predictions[i] / sum : 0, count(model.predictions[i])]);
    rows.sort((a, b) => b[1] - a[1]);
    return el("article", { class: "card" }, el("h3", {}, `${model.name} · ${t("version")} ${model.version}`),
      el("p", { class: "note" }, `${t("trained_on")}: ${count(model.trained_on)}`), el("h3", {}, t("predictions")), bars(rows.slice(0, 12)),
      el("h3", {}, t("confidence")), pair(model.confidences.map(() => 0), model.confidences, t("confidence")));
  }));
  quality.replaceChildren(...(view.quality.length ? view.quality.map((one) => el("article", { class: "card" },
    el("h3", {}, `${one.model} · ${t("version")} ${one.version}`),
    el("div", { class: "figures" }, figure(share(one.accuracy), t("accuracy")), figure(share(one.macro_f1), t("f1")), figure(count(one.n), t("n_feedback"))),
    table([t("hour"), t("n_feedback"), t("accuracy")], one.hours.slice(-12).map(([hour, n, right]) => [new Date(hour * 1000).toLocaleString(locale, { dateStyle: "medium", timeStyle: "short" }), count(n), share(right / n)])),
    matrix(one.confusion))) : [el("p", { class: "card note" }, t(view.store ? "no_feedback" : "no_store"))]));
  drift.replaceChildren(...(view.models.length ? view.models.map((model) => {
    const named = model.drift ? Object.entries(model.drift).map(([of, { psi, js }]) => [t(of), el("span", { class: psi >= 0.25 ? "bad" : "" }, psi.toFixed(3)), js.toFixed(4)]) : null;
    return el("article", { class: "card" }, el("h3", {}, `${model.model} · ${t("version")} ${model.version}`),
      el("p", { class: "note" }, el("span", { class: "key usual" }), `${t("usual")}: ${count(model.usual.n)}`, el("span", { class: "key" }), `${t("recent")}: ${count(model.recent.n)}`),
      named ? table(["", "PSI", "JS"], named) : el("p", { class: "note" }, t("not_enough")),
      el("h3", {}, t("confidence")), pair(model.usual.confidences, model.recent.confidences, t("confidence")),
      el("h3", {}, t("length")), pair(model.usual.lengths, model.recent.lengths, t("length")),
      el("p", { class: "note" }, `${t("unknown_rate")}: ${share(model.usual.unknown_rate)} → ${share(model.recent.unknown_rate)}${model.calibrated ? ` · ${t("estimated")}: ${share(model.accuracy_estimated)}` : ""}`));
  }) : [el("p", { class: "card note" }, t("not_enough"))]));
}

async function look() {
  try {
    show(await ask("/watch"));
    trouble.clear();
  } catch (error) { trouble.show(error); }
  setTimeout(look, EVERY);
}
look();
