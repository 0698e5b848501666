// Questions to the program. Whatever fails is told, and nothing moves on.

const state = { session: null, name: "", labels: [], counts: null, queue: [], current: null, chosen: new Set(), touched: false,
  busy: false, since: 0, nShown: 0, last: null, mode: "mixed", search: "", panel: "work", words: {} };

const $ = (id) => document.getElementById(id);

function t(key, values) {
  const word = state.words[key] || key;
  return values ? word.replace(/\{(\w+)\}/g, (all, name) => (name in values ? values[name] : all)) : word;
}

// The token comes behind the # of the address, which is never sent to anybody, and goes out of sight at once.
function token() {
  const found = new URLSearchParams(location.hash.slice(1)).get("token");
  if (found) {
    sessionStorage.setItem("fenlei-token", found);
    history.replaceState(null, "", location.pathname + location.search);
  }
  return sessionStorage.getItem("fenlei-token");
}

function ticket() {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function ask(path, body) {
  const headers = {};
  const secret = token();
  if (secret) headers["Authorization"] = "Bearer " + secret;
  if (body) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch("api/" + path, { method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body), cache: "no-store" });
  } catch {
    throw new Error(t("unreachable"));
  }
  if (response.ok) return response;
  const refusal = await response.json().catch(() => null);
  throw new Error(refusal ? refusal.error + "\n" + refusal.help : t("refused", { status: response.status }));
}

const askJson = async (path, body) => (await ask(path, body)).json();

function complain(error) {
  $("alert").textContent = error ? error.message : "";
}

function say(words) {
  $("live").textContent = words;
}
