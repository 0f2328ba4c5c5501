"use strict";

const page = document.body.dataset;
const status = document.getElementById("status");
const reviewer = document.getElementById("reviewer");
const note = document.getElementById("note");
let busy = false;

// A message that survives one change of page.
const flash = sessionStorage.getItem("flash");
if (flash) {
  sessionStorage.removeItem("flash");
  say(flash, true);
}

function say(text, isProblem) {
  status.textContent = text;
  status.classList.toggle("problem", Boolean(isProblem));
}

async function send(path, values) {
  if (busy) return null;
  busy = true;
  say("saving…");
  try {
    const response = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Page-Token": page.token },
      body: JSON.stringify({ ...values, reviewer: reviewer.value }),
    });
    const isJson = (response.headers.get("Content-Type") || "").startsWith("application/json");
    const answer = isJson ? await response.json() : { error: await response.text() };
    if (response.ok) return answer.saved;
    if (response.status === 409) {
      sessionStorage.setItem("flash", answer.error);
      location.reload();
      return null;
    }
    say("NOT saved: " + answer.error, true);
  } catch {
    say("NOT saved: the server does not answer. Is it still running?", true);
  }
  busy = false;
  return null;
}

async function decide(decision, label) {
  if (!reviewer.value.trim()) {
    say("Say who you are first: the field at the top.", true);
    reviewer.focus();
    return;
  }
  const saved = await send("/decide", {
    id: page.id, decision, label: label ?? null, note: note.value, seen: Number(page.seen),
  });
  if (saved !== null) location.assign(page.open);
}

async function undo() {
  const saved = await send("/undo", {});
  if (saved !== null) location.assign("/example?id=" + encodeURIComponent(saved));
}

function press(selector) {
  const button = document.querySelector(selector);
  if (button) button.click();
}

function go(address) {
  if (address && !busy) location.assign(address);
}

function search() {
  const field = document.getElementById("search");
  if (field) {
    field.focus();
    field.select();
  } else {
    sessionStorage.setItem("search", "1");
    go(page.list);
  }
}

function moveRow(step) {
  const rows = [...document.querySelectorAll("a.row")];
  const now = rows.indexOf(document.activeElement);
  const row = rows[Math.min(Math.max(now + step, 0), rows.length - 1)];
  if (row) row.focus();
}

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
    m: () => note.focus(),
  },
  list: {
    n: () => moveRow(1),
    p: () => moveRow(-1),
    ArrowDown: () => moveRow(1),
    ArrowUp: () => moveRow(-1),
  },
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  if (event.target instanceof HTMLInputElement) {
    const isSearch = event.target.id === "search";
    if (event.key === "Escape" || (event.key === "Enter" && !isSearch)) event.target.blur();
    return;
  }
  if (event.repeat && !event.key.startsWith("Arrow")) return;
  let action = { ...KEYS[page.page], z: undo, "/": search }[event.key];
  if (page.page === "example" && /^[1-9]$/.test(event.key)) {
    const buttons = document.querySelectorAll(".class");
    action = () => buttons[Number(event.key) - 1]?.click();
  }
  if (action) {
    event.preventDefault();
    action();
  }
});

for (const button of document.querySelectorAll("[data-decision]")) {
  button.addEventListener("click", () => decide(button.dataset.decision, button.dataset.label));
}
document.getElementById("undo")?.addEventListener("click", undo);
reviewer.addEventListener("change", () => {
  document.cookie =
    "reviewer=" + encodeURIComponent(reviewer.value.trim().slice(0, 60)) +
    "; path=/; max-age=31536000; samesite=strict";
  location.reload();
});
if (sessionStorage.getItem("search") && document.getElementById("search")) {
  sessionStorage.removeItem("search");
  search();
}
