// What stands beside the work: conflicts, progress, export, the annotator's name.

async function showProgress() {
  const progress = await askJson("progress");
  state.labels = progress.labels;
  showCounts(progress.counts);
  $("n-conflicts").textContent = progress.n_conflicts || "";
  const { points, advice, busy, problem } = progress.learning;
  const gain = advice.gain === undefined ? "" : (100 * advice.gain).toFixed(1);
  $("advice").textContent = t("advice_" + advice.kind, { ...advice, gain });
  $("learning").textContent = busy ? t("learning") : problem ? t("cannot_learn", { problem }) : points.length ? measured(points[points.length - 1]) : "";
  $("learn").disabled = busy;
  $("curve").hidden = !points.length;
  if (points.length) $("curve").replaceChildren(curve(points));
  const head = (...names) => make("thead", {}, make("tr", {}, ...names.map((name) => make("th", { scope: "col" }, name))));
  const row = (...cells) => make("tr", {}, ...cells.map((cell, i) => make(i ? "td" : "th", i ? {} : { scope: "row" }, cell)));
  const most = Math.max(1, ...progress.counts.by_label);
  const bar = (n) => make("progress", { max: most, value: n, ariaHidden: "true" });
  const rows = progress.labels.map((label, i) => row(plain(label), String(progress.counts.by_label[i]), bar(progress.counts.by_label[i])));
  $("per-label").replaceChildren(head(t("label"), t("documents"), ""), make("tbody", {}, ...rows));
  const pairs = progress.agreements.map((pair) => row(plain(pair.first + " · " + pair.second), String(pair.n_docs), percent(pair.share, 1),
    pair.kappa === null ? "–" : pair.kappa.toFixed(3)));
  $("agreement").replaceChildren(...(pairs.length ? [head(t("annotators"), t("both"), t("same"), "κ"), make("tbody", {}, ...pairs)] : []));
}

const measured = (point) => t(point.at_random ? "measured_random" : "measured_all", { n: point.n_measured });

async function showConflicts() {
  // What stood there may be settled by now.
  $("conflict-list").replaceChildren();
  const { n, items } = await askJson("conflicts");
  $("n-conflicts").textContent = n || "";
  const list = items.map((item) => {
    const card = make("article", { className: "conflict" });
    const text = make("div", { className: "text", tabIndex: 0 }, plain(item.text) + (item.cut ? " …" : ""));
    const chosen = new Set(item.most || []);
    const settle = (labels) => review(item, labels, card);
    const said = item.said.map(([who, labels]) => {
      const button = make("button", { type: "button" }, plain(named(labels)), make("small", {}, plain(who)));
      button.addEventListener("click", () => settle(labels));
      return button;
    });
    const others = state.labels.map((label) => {
      const button = make("button", { type: "button" }, plain(label));
      if (!state.session.multi_label) button.addEventListener("click", () => settle([label]));
      else {
        button.setAttribute("aria-pressed", String(chosen.has(label)));
        button.addEventListener("click", () => {
          if (!chosen.delete(label)) chosen.add(label);
          button.setAttribute("aria-pressed", String(chosen.has(label)));
        });
      }
      return button;
    });
    if (state.session.multi_label) {
      const button = make("button", { type: "button", className: "main" }, t("keep"));
      button.addEventListener("click", () => settle(state.labels.filter((label) => chosen.has(label))));
      others.push(button);
    }
    card.append(make("h3", {}, t("document", { n: item.place + 1 })), text, make("div", { className: "said", role: "group", ariaLabel: t("said") }, ...said),
      make("details", {}, make("summary", {}, t("other_label")), make("div", { className: "said" }, ...others)));
    return card;
  });
  $("conflict-list").replaceChildren(...(list.length ? list : [make("p", {}, t("no_conflicts"))]));
  if (n > items.length) $("conflict-list").append(make("p", { className: "note" }, t("more_conflicts", { n: n - items.length })));
}

async function review(item, labels, card) {
  await busy(async () => {
    item.ticket = item.ticket || {};
    const name = labels.join("\n");
    item.ticket[name] = item.ticket[name] || ticket();
    const { counts } = await askJson("decide", { annotator: state.name, ticket: item.ticket[name], place: item.place, key: item.key,
      kind: "review", labels, why: "conflict", seconds: 0 });
    showCounts(counts);
    const next = card.nextElementSibling || card.previousElementSibling;
    card.remove();
    say(t("kept", { labels: named(labels) }));
    const button = next && next.querySelector("button");
    if (button) button.focus();
    else await showConflicts();
    $("n-conflicts").textContent = Math.max(0, Number($("n-conflicts").textContent) - (button ? 1 : 0)) || "";
  });
}

async function save() {
  await busy(async () => {
    const format = $("format").value;
    const response = await ask(`export?format=${format}&labelled=${$("only").checked ? 1 : 0}`);
    const name = /filename="([^"]+)"/.exec(response.headers.get("Content-Disposition") || "");
    const address = URL.createObjectURL(await response.blob());
    const link = make("a", { href: address, download: name ? name[1] : "labelled" });
    link.click();
    URL.revokeObjectURL(address);
    say(t("saved"));
  });
}

async function show(panel) {
  state.panel = panel;
  for (const button of document.querySelectorAll("nav button")) {
    if (button.dataset.panel === panel) button.setAttribute("aria-current", "page");
    else button.removeAttribute("aria-current");
  }
  for (const section of document.querySelectorAll(".panel")) section.hidden = section.id !== panel;
  try {
    if (panel === "conflicts") await showConflicts();
    if (panel === "progress") await showProgress();
    complain(null);
  } catch (error) {
    complain(error);
  }
  const title = $(panel === "work" ? "document" : panel + "-title");
  title.focus();
}

function askName() {
  return new Promise((resolve) => {
    $("name").value = state.name;
    $("names").replaceChildren(...state.session.annotators.map((name) => make("option", { value: name })));
    const box = $("name-box");
    const closed = () => {
      const name = $("name").value.trim();
      if (!name) return state.name ? resolve(false) : box.showModal();
      box.removeEventListener("close", closed);
      const changed = name !== state.name;
      state.name = name;
      localStorage.setItem("annotator", name);
      $("who").textContent = name;
      resolve(changed);
    };
    box.addEventListener("close", closed);
    box.showModal();
    $("name").select();
  });
}
