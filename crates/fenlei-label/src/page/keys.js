// Keys, buttons, and the beginning.

function onKey(event) {
  const field = event.target.closest("input, select, textarea");
  const open = document.querySelector("dialog[open]");
  if (open || field || event.ctrlKey || event.metaKey || event.altKey || event.isComposing || state.panel !== "work") return;
  const onButton = event.target.closest("button, summary, a");
  // On a button that was reached by Tab, Enter and Space press it.
  if (onButton && (event.key === "Enter" || event.key === " ")) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const actions = { Enter: accept, " ": () => keep("skip", []), Backspace: undo, "?": () => $("help-box").showModal(), "？": () => $("help-box").showModal() };
  const place = KEYS.indexOf(key);
  const action = actions[key] || (key.length === 1 && place >= 0 && place < state.labels.length ? () => choose(state.labels[place]) : null);
  if (!action) return;
  event.preventDefault();
  // A key that is held down must not label ten documents.
  if (!event.repeat) action();
}

function translate() {
  const wanted = state.session.language || (navigator.language || "en").slice(0, 2);
  const language = wanted in state.session.words ? wanted : "en";
  state.words = state.session.words[language];
  document.documentElement.lang = language === "zh" ? "zh-CN" : language;
  for (const element of document.querySelectorAll("[data-t]")) element.textContent = t(element.dataset.t);
  for (const element of document.querySelectorAll("[data-label]")) element.setAttribute("aria-label", t(element.dataset.label));
  const keys = [["1 … 9, 0, a … z", t("help_choose")], ["Enter", t("help_accept")], [t("space"), t("help_skip")], ["Backspace", t("help_undo")], ["?", t("help_help")]];
  $("keys").replaceChildren(make("tbody", {}, ...keys.map(([key, what]) => make("tr", {}, make("td", {}, make("kbd", {}, key)), make("td", {}, what)))));
}

async function changeMode() {
  state.mode = $("mode").value;
  state.search = $("search").value.trim();
  $("search-box").hidden = state.mode !== "search";
  $("found").textContent = "";
  if (state.mode === "search" && !state.search) {
    state.round = (state.round || 0) + 1;
    state.queue = [];
    state.current = null;
    showDocument();
    return $("search").focus();
  }
  await busy(restart);
}

function listen() {
  document.addEventListener("keydown", onKey);
  $("accept").addEventListener("click", accept);
  $("skip").addEventListener("click", () => keep("skip", []));
  $("undo").addEventListener("click", undo);
  $("help").addEventListener("click", () => $("help-box").showModal());
  $("more").addEventListener("click", more);
  $("save").addEventListener("click", save);
  $("mode").addEventListener("change", changeMode);
  $("search").addEventListener("change", changeMode);
  $("search").addEventListener("keydown", (event) => { if (event.key === "Enter") $("document").focus(); });
  $("other").addEventListener("click", async () => { if (await askName()) { state.last = null; state.nShown = 0; await busy(restart); } });
  $("learn").addEventListener("click", () => busy(async () => { await ask("learn", {}); await showProgress(); }));
  for (const button of document.querySelectorAll("nav button")) button.addEventListener("click", () => show(button.dataset.panel));
  $("new-label").addEventListener("submit", (event) => {
    event.preventDefault();
    busy(async () => {
      const { labels } = await askJson("labels", { name: $("new-name").value });
      state.labels = labels;
      say(t("added", { label: $("new-name").value }));
      $("new-name").value = "";
      showLabels();
      $("document").focus();
    });
  });
  setInterval(() => { if (!document.hidden && !state.busy && state.panel !== "conflicts") showProgress().catch(complain); }, 4000);
}

async function start() {
  try {
    state.session = await askJson("session");
  } catch (error) {
    return complain(error);
  }
  const { file, labels, counts, guidelines, formats, format } = state.session;
  translate();
  document.title = file + " · fenlei label";
  $("file").textContent = plain(file);
  state.labels = labels;
  showCounts(counts);
  if (guidelines) {
    document.body.classList.add("guided");
    $("guidelines").hidden = false;
    $("guide").replaceChildren(...guide(guidelines));
    if (matchMedia("(max-width: 48rem)").matches) $("guidelines").querySelector("details").open = false;
  }
  $("format").replaceChildren(...formats.map((name) => make("option", { value: name, selected: name === format }, name)));
  listen();
  state.name = localStorage.getItem("annotator") || "";
  $("who").textContent = state.name;
  if (!state.name) await askName();
  await busy(restart);
  showProgress().catch(complain);
}

start();
