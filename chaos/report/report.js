"use strict";
// The page is whole without this: it filters, copies, and keeps the filter in the address. It asks nobody for anything.
(() => {
  const form = document.getElementById("filter");
  const selects = form ? [...form.querySelectorAll("select")] : [];
  const items = [...document.querySelectorAll("[data-verdict]")];
  const shown = document.getElementById("shown");
  const rows = items.filter((item) => item.matches("#all-cases tr"));

  let filtered = false;

  const wanted = () => selects.filter((one) => one.value).map((one) => [one.name, one.value]);
  const has = (item, [name, value]) => (item.dataset[name] || "").split(" ").includes(value);

  function apply() {
    const asked = wanted();
    filtered = asked.length > 0;
    let count = 0;
    for (const item of items) {
      const fits = asked.every((each) => has(item, each));
      if (item.matches(".mark")) item.classList.toggle("dim", !fits);
      else item.hidden = !fits;
    }
    for (const row of rows) count += row.hidden ? 0 : 1;
    if (shown) shown.textContent = asked.length ? `${count} of ${rows.length} cases` : "";
  }

  function address(place) {
    const words = new URLSearchParams(wanted());
    if (place) words.set("at", place);
    const text = words.toString();
    if (location.hash.slice(1) !== text) history.replaceState(null, "", text ? `#${text}` : "#");
  }

  function go(place) {
    const there = document.getElementById(place);
    if (!there) return;
    there.hidden = false;
    for (const part of there.querySelectorAll("details")) part.open = true;
    for (const old of document.querySelectorAll(".here")) old.classList.remove("here");
    there.classList.add("here");
    there.scrollIntoView();
    there.focus({preventScroll: true});
  }

  function read() {
    const text = location.hash.slice(1);
    if (text && !text.includes("=")) return go(text);
    const words = new URLSearchParams(text);
    for (const one of selects) {
      const value = words.get(one.name) || "";
      one.value = [...one.options].some((option) => option.value === value) ? value : "";
    }
    if (filtered || wanted().length) apply();     // thousands of things, and at first nothing is asked
    if (words.get("at")) go(words.get("at"));
  }

  async function copy(button) {
    const text = button.parentElement.querySelector(".command").textContent;
    let done = false;
    try {
      await navigator.clipboard.writeText(text);
      done = true;
    } catch {
      const range = document.createRange();
      range.selectNodeContents(button.parentElement.querySelector(".command"));
      getSelection().removeAllRanges();
      getSelection().addRange(range);
      done = document.execCommand("copy");
    }
    button.textContent = done ? "copied" : "press Ctrl+C";
    setTimeout(() => { button.textContent = "copy"; }, 2000);
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button.copy");
    if (button) return void copy(button);
    const link = event.target.closest('a[href^="#case-"], a[href^="#finding-"]');
    if (link && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
      event.preventDefault();
      const place = link.getAttribute("href").slice(1);
      address(place);
      go(place);
    }
  });
  for (const button of document.querySelectorAll("button.copy")) button.hidden = false;
  if (form) {
    form.hidden = false;
    form.addEventListener("change", () => { apply(); address(); });
    form.addEventListener("reset", () => setTimeout(() => { apply(); address(); }));
    form.addEventListener("submit", (event) => event.preventDefault());
  }
  window.addEventListener("hashchange", read);
  read();
})();
