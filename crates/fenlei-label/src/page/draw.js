// Elements from data. Texts only ever become text: nothing is written as HTML.

function make(name, properties, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties || {})) {
    if (key in element && key !== "list") element[key] = value;
    else element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}

// The name of the language, which is no address that anybody asks.
const SVG = ["http", "//www.w3.org/2000/svg"].join(":");

function drawing(name, attributes, text) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

const percent = (share, digits = 0) => (100 * share).toFixed(digits) + " %";
const named = (labels) => (labels.length ? labels.join(", ") : t("none"));

// Characters that turn the direction of what follows, or that cannot be seen, are shown as such.
const plain = (text) => text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\u202a-\u202e\u2066-\u2069]/g, "\ufffd");

// A text with the words of a search marked.
function marked(text, search) {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return [plain(text)];
  const parts = [];
  const pattern = new RegExp(words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|"), "gi");
  let from = 0;
  for (const found of text.matchAll(pattern)) {
    parts.push(plain(text.slice(from, found.index)), make("mark", {}, plain(found[0])));
    from = found.index + found[0].length;
  }
  return [...parts, plain(text.slice(from))];
}

// Words between ** are strong, between ` code.
function inline(line) {
  return plain(line).split(/(\*\*[^*]+\*\*|`[^`]+`)/).map((part) => {
    if (part.startsWith("**") && part.length > 4) return make("strong", {}, part.slice(2, -2));
    return part.startsWith("`") && part.length > 2 ? make("code", {}, part.slice(1, -1)) : part;
  });
}

// Headings, lists and paragraphs of Markdown; everything else stays as it is written.
function guide(text) {
  const parts = [];
  let list = null, paragraph = null;
  for (const line of text.split(/\r?\n/)) {
    const heading = line.match(/^#{1,6}\s+(.*)/), item = line.match(/^\s*(?:[-*+]|\d+[.)])\s+(.*)/);
    if (item) {
      if (!list) parts.push((list = make("ul")));
      list.append(make("li", {}, ...inline(item[1])));
      paragraph = null;
    } else if (heading) {
      parts.push(make("h3", {}, ...inline(heading[1])));
      list = paragraph = null;
    } else if (!line.trim()) {
      list = paragraph = null;
    } else {
      if (!paragraph) parts.push((paragraph = make("p")));
      else paragraph.append(" ");
      paragraph.append(...inline(line));
      list = null;
    }
  }
  return parts;
}

// The learning curve: accuracy over the number of labels, with its 95 % interval.
function curve(points) {
  const [width, height, left, right, top, bottom] = [560, 240, 48, 16, 14, 38];
  const svg = drawing("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": curveWords(points) });
  const most = Math.max(...points.map((point) => point.n_labelled), 10);
  const x = (n) => left + ((width - left - right) * n) / most;
  const y = (share) => top + (height - top - bottom) * (1 - share);
  for (const share of [0, 0.25, 0.5, 0.75, 1]) {
    svg.append(drawing("line", { class: "grid", x1: left, x2: width - right, y1: y(share), y2: y(share) }));
    svg.append(drawing("text", { x: left - 8, y: y(share) + 4, "text-anchor": "end" }, percent(share)));
  }
  for (const part of [0, 0.5, 1]) {
    const n = Math.round(most * part), anchor = part === 1 ? "end" : part ? "middle" : "start";
    svg.append(drawing("text", { x: x(n), y: height - bottom + 16, "text-anchor": anchor }, n));
  }
  svg.append(drawing("text", { x: (left + width - right) / 2, y: height - 4, "text-anchor": "middle" }, t("labelled_documents")));
  const path = (pairs) => pairs.map(([n, share], i) => (i ? "L" : "M") + x(n).toFixed(1) + " " + y(share).toFixed(1)).join(" ");
  const upper = points.map((point) => [point.n_labelled, point.high]), lower = points.map((point) => [point.n_labelled, point.low]);
  svg.append(drawing("path", { class: "band", d: path([...upper, ...lower.reverse()]) + " Z" }));
  svg.append(drawing("path", { class: "line", d: path(points.map((point) => [point.n_labelled, point.accuracy])) }));
  for (const point of points) svg.append(drawing("circle", { class: "dot", cx: x(point.n_labelled), cy: y(point.accuracy), r: 3 }));
  return svg;
}

function curveWords(points) {
  const last = points[points.length - 1];
  return t("curve", { n: last.n_labelled, accuracy: percent(last.accuracy, 1), low: percent(last.low), high: percent(last.high) });
}
