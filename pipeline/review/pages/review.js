"use strict";

// The page is kept and only its contents change, so that no key is lost between two examples:
// what is typed while a decision is on its way waits for its turn.
let page = document.body.dataset;
let busy = false;
const waiting = [];
const MOST_WAITING = 20;

const $ = (selector) => document.querySelector(selector);

function say(text, isProblem) {
  const status = $("#status");
  status.textContent = text;
  status.classList.toggle("problem", Boolean(isProblem));
}

function fail(text) {
  waiting.length = 0;
  say(text, true);
}

// --- one thing after the other ------------------------------------------------------------------

async function alone(work) {
  if (busy) return;
  busy = true;
  try {
    await work();
  } finally {
    busy = false;
  }
  if (waiting.length) act(waiting.shift());
}

async function show(address, { push = true } = {}) {
  let text, url;
  try {
    const response = await fetch(address);
    text = await response.text();
    url = response.url;
    if (!(response.headers.get("Content-Type") || "").startsWith("text/html")) return fail(text);
  } catch {
    return fail("The server does not answer. Is it still running?");
  }
  const fresh = new DOMParser().parseFromString(text, "text/html");
  const status = $("#status");
  const said = fresh.querySelector("#status");
  status.replaceChildren(...said.childNodes);
  status.classList.remove("problem");
  said.replaceWith(status);
  document.title = fresh.title;
  document.body.replaceWith(fresh.body);
  page = document.body.dataset;
  if (push) {
    history.pushState(null, "", url);
    window.scrollTo(0, 0);
  }
  arrive();
}

function go(address) {
  if (address) return alone(() => show(address));
}

async function send(path, values) {
  say("saving…");
  try {
    const response = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Page-Token": page.token },
      body: JSON.stringify({ ...values, reviewer: $("#reviewer").value }),
    });
    const isJson = (response.headers.get("Content-Type") || "").startsWith("application/json");
    const answer = isJson ? await response.json() : { error: await response.text() };
    if (response.ok) return answer.saved;
    if (response.status === 409) {
      waiting.length = 0;
      await show(location.href, { push: false });
      say(answer.error, true);
      return null;
    }
    fail("NOT saved: " + answer.error);
  } catch {
    fail("NOT saved: the server does not answer. Is it still running?");
  }
  return null;
}

// --- decisions ------------------------------------------------------------------------------------

function isNamed() {
  if ($("#reviewer").value.trim()) return true;
  fail("Say who you are first: the field at the top.");
  $("#reviewer").focus();
  return false;
}

function decide(decision, label) {
  if (!isNamed()) return;
  return alone(async () => {
    const saved = await send("/decide", {
      id: page.id, decision, label: label ?? null, note: $("#note").value, seen: Number(page.seen),
      how: page.how || null,
    });
    if (saved === null) return;
    localStorage.removeItem(draft());
    await show(page.open);
  });
}

function decideLot(decision, label) {
  if (!isNamed()) return;
  const picked = [...document.querySelectorAll(".pick:checked")];
  if (!picked.length) return fail("Nothing is selected.");
  return alone(async () => {
    const seen = Object.fromEntries(picked.map((box) => [box.value, Number(box.dataset.seen)]));
    const saved = await send("/decide-lot", {
      seen, decision, label: label ?? null, note: $("#note").value,
      suggested: Object.fromEntries(picked.map((box) => [box.value, box.dataset.suggested])),
    });
    if (saved === null) return;
    await show(page.list);
    say(`saved: ${saved.length} decisions · z takes them all back`);
  });
}

function undo() {
  return alone(async () => {
    const saved = await send("/undo", {});
    if (saved === null) return;
    await show("/example?id=" + encodeURIComponent(saved.at(-1)));
    say("undone: " + (saved.length === 1 ? saved[0] : saved.length + " decisions"));
  });
}

// The new order comes with the next list or example; a list that waits for it asks for itself.
function rankAgain() {
  return alone(async () => {
    const saved = await send("/rank-again", {});
    if (saved === null) return;
    say(saved);
    if (page.page === "list") awaitRanking(); // others ask when they are lists
  });
}

async function awaitRanking() {
  const address = location.href;
  const here = () => page.page === "list" && location.href === address;
  while (here()) {
    await new Promise((done) => setTimeout(done, 1000));
    try {
      const answer = await (await fetch("/ranking")).json();
      if (!answer.running && here()) return go(address);
    } catch {
      return;  // the next thing one does says that the server does not answer
    }
  }
}

// Of the view, not of an example: a cookie, and the page once more.
function setCookie(name, value) {
  document.cookie = `${name}=${value}; path=/; max-age=31536000; samesite=strict`;
  return alone(() => show(location.href, { push: false }));
}

const toggleBlind = () =>
  setCookie("blind", /(^|; )blind=1/.test(document.cookie) ? "0" : "1");

function press(selector) {
  const button = $(selector);
  if (button && !button.disabled) button.click();
}

// --- notes and classes that are looked for --------------------------------------------------------

const draft = () => ["note", page.run, $("#reviewer").value, page.id].join("\n");

function find(text) {
  const wanted = text.trim().toLowerCase();
  const buttons = [...document.querySelectorAll(".class")];
  for (const button of buttons) {
    const name = button.dataset.label.toLowerCase();
    button.hidden = wanted ? !name.includes(wanted) : button.dataset.rest === "yes";
  }
  return buttons.filter((button) => !button.hidden);
}

// The texts like it come after the example: nobody waits for them.
async function showNeighbors() {
  const id = page.id;
  try {
    const response = await fetch("/neighbors?id=" + encodeURIComponent(id));
    if (!response.ok) return;
    const part = new DOMParser().parseFromString(await response.text(), "text/html");
    if (page.id === id) $("#neighbors").replaceChildren(...part.body.childNodes);
  } catch {
    // The next decision says that the server does not answer.
  }
}

function arrive() {
  count();
  if (page.page === "list" && $("#ranking")) awaitRanking();
  if (page.page === "example") {
    showNeighbors();
    const kept = localStorage.getItem(draft());
    if (kept !== null) $("#note").value = kept;
  }
  if (sessionStorage.getItem("search") && $("#search")) {
    sessionStorage.removeItem("search");
    search();
  }
}

function search() {
  const field = $("#search");
  if (field) {
    field.focus();
    field.select();
    return;
  }
  sessionStorage.setItem("search", "1");
  return go(page.list);
}

// --- the list -------------------------------------------------------------------------------------

function moveRow(step) {
  const rows = [...document.querySelectorAll("a.row, .pickrow .pick")];
  const now = rows.indexOf(document.activeElement);
  const row = rows[Math.min(Math.max(now + step, 0), rows.length - 1)];
  if (row) row.focus();
}

function movePair(step) {
  const pairs = [...document.querySelectorAll(".pair")];
  const now = pairs.indexOf(document.activeElement);
  if (now >= 0) pairs[Math.min(Math.max(now + step, 0), pairs.length - 1)].focus();
}

const move = (step) =>
  document.activeElement?.classList.contains("pair") ? movePair(step) : moveRow(step);

function openFilters() {
  const filters = $("#filters");
  filters.open = true;
  ($(".pair") ?? filters.querySelector("input"))?.focus();
}

function pick() {
  const row = document.activeElement.closest("li");
  const box = row?.querySelector(".pick");
  if (!box) return;
  box.checked = !box.checked;
  count();
}

function count() {
  const chosen = $("#chosen");
  if (chosen) chosen.textContent = document.querySelectorAll(".pick:checked").length + " selected";
}

// What is selected, else all that the filters show.
function together() {
  const picked = [...document.querySelectorAll(".pick:checked")];
  const link = $("#together")?.getAttribute("href");
  if (!picked.length) {
    if (link) return go(link);
    return fail("Select some with x, or filter first: then t decides on them together.");
  }
  return go("/lot?" + picked.map((box) => "id=" + encodeURIComponent(box.value)).join("&"));
}

const openFirst = () => go($("a.row")?.getAttribute("href"));

const KEYS = {
  example: {
    k: () => press(".class.is-given"),
    s: () => press(".class.is-suggested"),
    d: () => press('[data-decision="drop"]'),
    u: () => press('[data-decision="unsure"]'),
    n: () => go(page.next),
    p: () => go(page.previous),
    ArrowRight: () => go(page.next),
    ArrowLeft: () => go(page.previous),
    l: () => go(page.list),
    m: () => $("#note").focus(),
    c: () => $("#find")?.focus(),
  },
  list: {
    n: () => moveRow(1),
    p: () => moveRow(-1),
    ArrowDown: () => move(1),
    ArrowUp: () => move(-1),
    ArrowRight: () => movePair(1),
    ArrowLeft: () => movePair(-1),
    Enter: openFirst,
    f: openFilters,
    x: pick,
    t: together,
  },
  lot: {
    n: () => moveRow(1),
    p: () => moveRow(-1),
    ArrowDown: () => moveRow(1),
    ArrowUp: () => moveRow(-1),
    x: pick,
    s: () => press('[data-lot="suggested"]'),
    k: () => press('[data-lot="keep"]'),
    d: () => press('[data-lot="drop"]'),
    u: () => press('[data-lot="unsure"]'),
    c: () => $("#find").focus(),
    m: () => $("#note").focus(),
    l: () => go(page.list),
  },
  figures: { l: () => go(page.list) },
};

const EVERYWHERE = {
  z: undo,
  "/": search,
  b: toggleBlind,
  r: rankAgain,
  i: () => go($(".places a[title=i]").getAttribute("href")),
};

function actionOf(key) {
  if (page.page === "example" && /^[1-9]$/.test(key)) {
    return () => press(`.class[data-key="${key}"]`);
  }
  return { ...KEYS[page.page], ...EVERYWHERE }[key];
}

function act(key) {
  const action = actionOf(key);
  if (action) action();
  if (!busy && waiting.length) act(waiting.shift());
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const isBox = event.target.type === "checkbox";
  if (event.target.matches("input, select") && !isBox) return inField(event);
  // A link or a button that has the focus keeps its Enter.
  if (event.key === "Enter" && event.target.closest("a, button, summary")) return;
  if (event.repeat && !event.key.startsWith("Arrow")) return;
  if (busy) {
    if (waiting.length < MOST_WAITING && actionOf(event.key)) waiting.push(event.key);
    event.preventDefault();
    return;
  }
  if (actionOf(event.key)) {
    event.preventDefault();
    act(event.key);
  }
});

function inField(event) {
  const id = event.target.id;
  if (event.key === "Enter" && id === "find" && page.page === "lot") {
    event.preventDefault();
    if (event.target.value) decideLot("relabel", event.target.value);
  } else if (event.key === "Enter" && id === "find") {
    event.preventDefault();
    const found = find(event.target.value);
    if (event.target.value.trim() && found.length) found[0].click();
    else event.target.blur();
  } else if (event.key === "Escape" || (event.key === "Enter" && !event.target.form)) {
    if (id === "find") {
      event.target.value = "";
      find("");
    }
    event.target.blur();
  }
}

document.addEventListener("click", (event) => {
  const plain = !event.ctrlKey && !event.metaKey && !event.shiftKey && event.button === 0;
  const link = event.target.closest("a[href^='/']");
  if (link && plain) {
    event.preventDefault();
    go(link.getAttribute("href"));
    return;
  }
  const button = event.target.closest("button");
  if (button?.dataset.decision) decide(button.dataset.decision, button.dataset.label);
  else if (button?.dataset.lot) decideLot(button.dataset.lot);
  else if (button?.id === "undo") undo();
});

document.addEventListener("submit", (event) => {
  event.preventDefault();
  const values = new URLSearchParams(new FormData(event.target));
  for (const [name, value] of [...values]) if (!value) values.delete(name);
  go(event.target.getAttribute("action") + "?" + values);
});

document.addEventListener("input", (event) => {
  if (event.target.id === "note") localStorage.setItem(draft(), event.target.value);
  if (event.target.id === "find" && page.page === "example") find(event.target.value);
});

document.addEventListener("change", (event) => {
  if (event.target.classList.contains("pick")) count();
  if (event.target.id === "one-in") setCookie("stop", parseInt(event.target.value, 10) || 10);
  if (event.target.id !== "reviewer") return;
  document.cookie =
    "reviewer=" + encodeURIComponent(event.target.value.trim().slice(0, 60)) +
    "; path=/; max-age=31536000; samesite=strict";
  location.reload();
});

window.addEventListener("popstate", () => alone(() => show(location.href, { push: false })));
arrive();
