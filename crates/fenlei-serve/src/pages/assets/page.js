// What all pages share: elements, words of a language, theme, token, questions to the server.

const remembered = (key) => { try { return localStorage.getItem(key); } catch { return null; } };
const remember = (key, value) => { try { localStorage.setItem(key, value); } catch { /* private window */ } };

/** Makes an element; texts become text, never markup. */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

const SVG = "http://www.w3.org/2000/svg";
export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const chosen = remembered("fenlei-language");
const language = chosen || (navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en");
const strings = await (await fetch(`/assets/strings.${language === "zh" ? "zh" : "en"}.json`)).json();

/** The words for a key, with values in their places. */
export function t(key, values = {}) {
  return (strings[key] ?? key).replace(/\{(\w+)\}/g, (all, name) => values[name] ?? all);
}

/** The language of the page, for dates. */
export const locale = strings.lang;
const percent = new Intl.NumberFormat(strings.lang, { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 });
export const share = (value) => (value === null || value === undefined ? "–" : percent.format(value));
export const count = (n) => new Intl.NumberFormat(strings.lang).format(n);

const themes = ["auto", "light", "dark"];
function setTheme(theme) {
  if (theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}
setTheme(remembered("fenlei-theme") || "auto");

function choice(name, options, value, change) {
  const select = el("select", { "aria-label": name, onchange: (event) => change(event.target.value) });
  for (const [key, words] of options) select.append(el("option", { value: key, selected: key === value }, words));
  return select;
}

/** The head of every page. */
export function begin() {
  const page = document.body.dataset.page;
  document.documentElement.lang = strings.lang;
  document.title = `${t(page)} – fenlei`;
  const links = [["try", "/"], ["watch", "/dashboard"], ["docs", "/docs"]];
  if (document.body.dataset.labelling) links.push(["label_documents", document.body.dataset.labelling]);
  const nav = el("nav", {}, ...links.map(([key, href]) => el("a", { href, "aria-current": key === page ? "page" : false }, t(key))));
  const theme = choice(t("theme"), themes.map((key) => [key, t(`theme_${key}`)]), remembered("fenlei-theme") || "auto", (value) => {
    remember("fenlei-theme", value);
    setTheme(value);
  });
  const tongue = choice(t("language"), [["en", "English"], ["zh", "中文"]], language, (value) => {
    remember("fenlei-language", value);
    location.reload();
  });
  const brand = el("a", { class: "brand", href: "/" }, "fenlei ", el("b", {}, "分类"));
  document.body.prepend(el("header", { class: "bar" }, el("div", {}, brand, nav, theme, tongue)));
  return document.getElementById("main");
}

const token = () => { try { return sessionStorage.getItem("fenlei-token"); } catch { return null; } };

/** Asks the server; gives the response's JSON, or throws what to tell the user. */
export async function ask(path, { body, method, signal, raw, type } = {}) {
  const headers = {};
  if (token()) headers.authorization = `Bearer ${token()}`;
  if (body !== undefined) headers["content-type"] = type || "application/json";
  const response = await fetch(path, { method: method || (body === undefined ? "GET" : "POST"), headers, body, signal });
  if (response.status === 401) wantToken();
  if (raw) return response;
  const text = await response.text();
  let json = null;
  try { json = JSON.parse(text); } catch { /* told below */ }
  if (!response.ok || json === null) throw new Error(json?.error || `${response.status}`);
  return json;
}

/** A field for the token, once. */
function wantToken() {
  if (document.getElementById("token")) return;
  const input = el("input", { id: "token", type: "password", autocomplete: "off" });
  const use = (event) => {
    event.preventDefault();
    sessionStorage.setItem("fenlei-token", input.value.trim());
    location.reload();
  };
  const form = el("form", { class: "row problem", onsubmit: use }, el("label", {}, t("token"), input), el("button", { class: "first" }, t("token_use")));
  document.getElementById("main").prepend(form);
}

/** A place for what went wrong. */
export function problems() {
  const place = el("div", { role: "alert" });
  return {
    place,
    show: (error) => place.replaceChildren(el("p", { class: "problem" }, t("failed", { what: error.message }))),
    clear: () => place.replaceChildren(),
  };
}

/** Bars of shares from 0 to 1. */
export function bars(rows) {
  const list = el("ul", { class: "bars" });
  for (const [name, value, words] of rows) {
    const fill = el("div", { class: "fill" });
    fill.style.width = `${Math.max(0, Math.min(1, value)) * 100}%`;
    list.append(el("li", {}, el("span", { class: "name", title: name }, name), el("div", { class: "track" }, fill), el("span", { class: "value" }, words ?? share(value))));
  }
  return list;
}
