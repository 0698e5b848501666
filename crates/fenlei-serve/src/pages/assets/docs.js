// The addresses of the server, from its own description, with examples that can be sent.

import { ask, begin, el, problems, t } from "/assets/page.js";

const main = begin();
const trouble = problems();
main.append(el("h1", {}, t("docs_title")), el("p", { class: "lead" }, t("docs_lead")),
  el("p", { class: "note" }, `${t("spec")} `, el("a", { href: "/openapi.json" }, "/openapi.json")), trouble.place);

function part(path, method, operation) {
  const details = el("details", {}, el("summary", {}, el("span", { class: "method" }, method.toUpperCase()), el("code", {}, path), el("span", {}, operation.summary)));
  if (operation.description) details.append(el("p", { class: "note" }, operation.description));
  const content = Object.entries(operation.requestBody?.content ?? {});
  const examples = content.flatMap(([type, { examples }]) => Object.entries(examples ?? {}).map(([name, { value }]) => [name, type, value]));
  if (!examples.length && method === "get") examples.push(["", null, undefined]);
  for (const [name, type, value] of examples) {
    const address = el("input", { "aria-label": t("request"), value: path.replace("{model}", "m").replace("{version}", "1") });
    const content = typeof value === "string" || value === undefined ? value : JSON.stringify(value, null, 2);
    const rows = Math.min(16, (content ?? "").split("\n").length);
    const body = content === undefined ? null : el("textarea", { class: "code", rows, spellcheck: "false", "aria-label": t("request") });
    if (body) body.value = content;
    const answer = el("pre", { hidden: true, "aria-live": "polite" });
    const send = async () => {
      try {
        const response = await ask(address.value, { method: method.toUpperCase(), body: body?.value, type, raw: true });
        const text = await response.text();
        answer.hidden = false;
        answer.textContent = `${response.status}\n${pretty(text)}`;
      } catch (error) { trouble.show(error); }
    };
    details.append(el("h3", {}, name), el("div", { class: "row" }, address, el("button", { type: "button", class: "first", onclick: send }, t("send"))), body ?? "", answer);
    if (type && type !== "application/json") details.append(el("p", { class: "note" }, type));
  }
  return details;
}

function pretty(text) {
  try { return JSON.stringify(JSON.parse(text), null, 2); } catch { return text; }
}

try {
  const spec = await ask("/openapi.json");
  for (const tag of spec.tags) {
    main.append(el("h2", {}, tag.name), el("p", { class: "note" }, tag.description));
    for (const [path, methods] of Object.entries(spec.paths)) {
      for (const [method, operation] of Object.entries(methods)) if (operation.tags[0] === tag.name) main.append(part(path, method, operation));
    }
  }
} catch (error) { trouble.show(error); }
