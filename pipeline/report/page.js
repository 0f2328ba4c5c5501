"use strict";
// Filters lists, opens what an address names, and opens the sections for printing. The page is
// complete without it; text is only ever read, never written as markup.
(() => {
  const words = (field) => field.value.toLowerCase().split(/\s+/).filter(Boolean);

  // Tables and pairs of classes, by name.
  document.querySelectorAll(".find").forEach((label) => {
    const rows = [...label.parentElement.querySelectorAll("tbody tr, .pair")];
    const names = rows.map((row) => (row.querySelector("th, .turn") || row).textContent.toLowerCase());
    label.hidden = false;
    label.firstElementChild.addEventListener("input", (event) => {
      const wanted = words(event.target);
      rows.forEach((row, i) => { row.hidden = !wanted.every((word) => names[i].includes(word)); });
    });
  });

  // Sections: folded on the screen, open where an address leads into them and on paper.
  const sections = [...document.querySelectorAll("details.section")];
  const follow = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const section = target && target.closest("details.section");
    if (section) { section.open = true; target.scrollIntoView(); }
  };
  let opened = [];
  addEventListener("hashchange", follow);
  document.querySelectorAll(".contents a").forEach((link) => link.addEventListener("click", () => {
    if (link.hash === location.hash) follow();
  }));
  addEventListener("beforeprint", () => {
    opened = sections.filter((section) => !section.open);
    opened.forEach((section) => { section.open = true; });
  });
  addEventListener("afterprint", () => opened.forEach((section) => { section.open = false; }));
  follow();

  const form = document.getElementById("filter");
  const cards = [...document.querySelectorAll(".card")];
  const groups = [...document.querySelectorAll(".scope")];
  const count = document.getElementById("count");
  let texts = null; // read when first searched: a phone need not wait for it

  const apply = () => {
    const { scope, given, split, search } = form.elements;
    const wanted = words(search);
    if (wanted.length && !texts) texts = cards.map((card) => card.textContent.toLowerCase());
    let shown = 0;
    cards.forEach((card, i) => {
      const fits = (!scope.value || card.dataset.scope === scope.value)
        && (!given.value || card.dataset.given === given.value)
        && (!split.value || card.dataset.split === split.value)
        && wanted.every((word) => texts[i].includes(word));
      card.hidden = !fits;
      shown += fits;
    });
    groups.forEach((group) => { group.hidden = !group.querySelector(".card:not([hidden])"); });
    count.value = `${shown} of ${cards.length} shown`;
  };

  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  apply();
})();
