"use strict";
// Filters the issues. The page is complete without it; text is only ever read, never written as markup.
(() => {
  const form = document.getElementById("filter");
  const cards = [...document.querySelectorAll(".card")];
  const groups = [...document.querySelectorAll(".scope")];
  const texts = cards.map((card) => card.textContent.toLowerCase());
  const count = document.getElementById("count");

  const apply = () => {
    const { scope, given, split, search } = form.elements;
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    cards.forEach((card, i) => {
      const fits = (!scope.value || card.dataset.scope === scope.value)
        && (!given.value || card.dataset.given === given.value)
        && (!split.value || card.dataset.split === split.value)
        && words.every((word) => texts[i].includes(word));
      card.hidden = !fits;
      shown += fits;
    });
    groups.forEach((group) => { group.hidden = !group.querySelector(".card:not([hidden])"); });
    count.value = `${shown} of ${cards.length} shown`;
  };

  if (!form) return;
  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  apply();
})();
