// The document on the desk: shown, chosen for, kept, and the next one.

const AHEAD = 5;
const KEYS = "1234567890abcdefghijklmnopqrstuvwxyz";

async function refill() {
  const held = [state.current, ...state.queue].filter(Boolean).map((item) => item.place);
  const wanted = AHEAD + (state.current ? 0 : 1) - state.queue.length;
  if (wanted <= 0) return;
  const round = state.round;
  const { items, n_found } = await askJson("next", { annotator: state.name, mode: state.mode, search: state.search, n: wanted, held,
    last: state.last, n_shown: state.nShown + state.queue.length + (state.current ? 1 : 0) });
  // The order was changed meanwhile.
  if (round !== state.round) return;
  const known = new Set([state.current, ...state.queue].filter(Boolean).map((item) => item.place));
  state.queue.push(...items.filter((item) => !known.has(item.place)));
  $("found").textContent = n_found === null ? "" : t("n_found", { n: n_found });
}

// What a model has learned meanwhile can only help documents that are not on the page yet.
async function restart() {
  state.round = (state.round || 0) + 1;
  state.queue = [];
  state.current = null;
  $("document").textContent = "…";
  $("text").hidden = $("labels").hidden = true;
  await refill();
  advance();
}

function advance() {
  state.current = state.queue.shift() || null;
  state.chosen = new Set();
  state.touched = false;
  state.since = performance.now();
  showDocument();
  refill().then(() => { if (!state.current && state.queue.length) advance(); }).catch(complain);
}

function showDocument() {
  const item = state.current;
  $("document").textContent = item ? t("document", { n: item.place + 1 }) : t(state.mode === "search" && !state.search ? "search_first" : "nothing_left");
  $("text").hidden = !item;
  $("text").replaceChildren(...(item ? marked(item.text, state.mode === "search" ? state.search : "") : []));
  $("text").dataset.empty = t("empty_text");
  $("text").scrollTop = 0;
  $("more").hidden = !item || !item.cut;
  const tags = [];
  if (item) {
    tags.push(t("why_" + item.why));
    if (item.n_similar) tags.push(t("n_similar", { n: item.n_similar }));
    if (item.now) tags.push(t("now", { labels: named(item.now) }));
    if (item.suggestion && item.suggestion.from !== "model") tags.push(t("from_" + item.suggestion.from));
  }
  $("why").replaceChildren(...tags.map((tag) => make("span", {}, tag)));
  showLabels();
}

function showLabels() {
  const item = state.current, scores = new Map(item ? item.scores : []);
  const suggested = new Set(item && item.suggestion ? item.suggestion.labels : []);
  $("labels").replaceChildren(...state.labels.map((label, i) => {
    const key = KEYS[i];
    const button = make("button", { type: "button", disabled: !item || state.busy, className: suggested.has(label) ? "suggested" : "" },
      make("kbd", { ariaHidden: "true" }, key || "·"), make("span", {}, plain(label)),
      make("small", {}, scores.has(label) ? percent(scores.get(label)) : ""));
    if (key) button.setAttribute("aria-keyshortcuts", key);
    if (state.session.multi_label) button.setAttribute("aria-pressed", String(state.chosen.has(label)));
    if (suggested.has(label)) button.setAttribute("aria-description", t("suggested"));
    button.addEventListener("click", () => choose(label));
    return button;
  }));
  $("labels").hidden = !item;
  const acceptable = item && (state.session.multi_label ? state.touched || item.suggestion : item.suggestion);
  $("accept").disabled = !acceptable || state.busy;
  $("accept").textContent = state.session.multi_label && (state.touched || !(item && item.suggestion)) ? t("keep") : t("accept");
  $("accept").setAttribute("aria-keyshortcuts", "Enter");
  $("skip").disabled = !item || state.busy;
  $("undo").disabled = state.busy;
}

function choose(label) {
  if (!state.current || state.busy) return;
  if (!state.session.multi_label) return keep("label", [label]);
  state.touched = true;
  if (!state.chosen.delete(label)) state.chosen.add(label);
  say(t(state.chosen.has(label) ? "chosen" : "not_chosen", { label }));
  const focused = document.activeElement && document.activeElement.closest("#labels button");
  const place = focused ? [...$("labels").children].indexOf(focused) : -1;
  showLabels();
  if (place >= 0) $("labels").children[place].focus();
}

function accept() {
  const item = state.current;
  if (!item || state.busy) return;
  if (state.session.multi_label && state.touched) return keep("label", [...state.chosen]);
  if (item.suggestion) return keep("label", item.suggestion.labels);
  say(t("no_suggestion"));
}

// The document leaves the page when the program has said that the decision is on the disk, not before.
async function keep(kind, labels) {
  const item = state.current;
  if (!item || state.busy) return;
  // Where sending fails, the same ticket goes out again: whatever arrived counts once.
  item.ticket = item.ticket || {};
  const name = kind + labels.join("\n");
  item.ticket[name] = item.ticket[name] || ticket();
  await busy(async () => {
    const { counts } = await askJson("decide", { annotator: state.name, ticket: item.ticket[name], place: item.place, key: item.key, kind, labels,
      why: item.why, seconds: (performance.now() - state.since) / 1000 });
    state.last = item.place;
    state.nShown += 1;
    showCounts(counts);
    say(kind === "skip" ? t("skipped") : t("kept", { labels: named(labels) }));
    advance();
  });
}

async function undo() {
  state.undoTicket = state.undoTicket || ticket();
  await busy(async () => {
    const { item, labels, counts } = await askJson("undo", { annotator: state.name, ticket: state.undoTicket });
    state.undoTicket = null;
    showCounts(counts);
    if (!item) return say(t("nothing_to_undo"));
    if (state.current) state.queue.unshift(state.current);
    state.queue = state.queue.filter((other) => other.place !== item.place);
    state.current = item;
    state.last = null;
    state.chosen = new Set(state.session.multi_label ? labels : []);
    state.touched = state.session.multi_label && labels.length > 0;
    state.since = performance.now();
    showDocument();
    $("why").append(make("span", {}, t("was", { labels: named(labels) })));
    say(t("undone", { labels: named(labels) }));
  });
}

// One thing at a time: a key that comes too early does nothing rather than something to the wrong document.
async function busy(work) {
  if (state.busy) return;
  state.busy = true;
  try {
    await work();
    complain(null);
  } catch (error) {
    complain(error);
  } finally {
    state.busy = false;
    showLabels();
  }
}

function showCounts(counts) {
  state.counts = counts;
  $("meter").value = counts.n_docs ? counts.n_labelled / counts.n_docs : 0;
  $("done").textContent = t("done", { n: counts.n_labelled, of: counts.n_docs });
}

async function more() {
  const item = state.current;
  await busy(async () => {
    const { text } = await askJson(`text?place=${item.place}&key=${item.key}`);
    if (item !== state.current) return;
    item.text = text;
    item.cut = false;
    $("text").replaceChildren(...marked(text, state.mode === "search" ? state.search : ""));
    $("more").hidden = true;
  });
}
