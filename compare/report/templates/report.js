"use strict";
/* Tables: sorted by any column, and of many rows only those that a reader asks for. Figures: on a
   phone as wide as the page, and larger when they are tapped. Without this script every row is
   there, in order, figures scroll, and what needs it is not shown. */
(() => {
  const MANY = 8; // rows, above which a table has a filter
  for (const element of document.querySelectorAll("[data-script]")) element.hidden = false;

  /** What is read first in a cell; the small type below it is not. */
  function textOf(cell) {
    const texts = [...cell.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE);
    return texts.map((node) => node.data).join("").trim();
  }

  const UNKNOWN = /^(|-|\?|cannot|nan)$/;
  const NUMBER = /^([<>]?)([-+]?(?:inf|[\d,]*\.?\d+(?:e[-+]?\d+)?))/i;

  /** "<0.1 %" is below 0.1, and ">99.9 %" above 99.9. */
  function numberOf(text) {
    const [, bound, digits] = text.match(NUMBER);
    const number = Number(digits.replaceAll(",", "").replace(/inf/i, "Infinity"));
    return bound === "<" ? number * (1 - 1e-9) : bound === ">" ? number * (1 + 1e-9) : number;
  }

  /** Rows by a column, what is not known last; those that are equal keep their order. */
  function sorted(rows, column, descending) {
    const known = [], unknown = [];
    for (const row of rows) {
      const text = textOf(row.cells[column]);
      (UNKNOWN.test(text) ? unknown : known).push({ row, text });
    }
    const numbers = known.every(({ text }) => NUMBER.test(text));
    const compare = numbers
      ? (a, b) => a.number - b.number || 0
      : (a, b) => a.text.localeCompare(b.text, "en", { numeric: true });
    if (numbers) for (const entry of known) entry.number = numberOf(entry.text);
    known.sort(descending ? (a, b) => compare(b, a) : compare);
    return [...known, ...unknown].map(({ row }) => row);
  }

  function makeSortable(table) {
    const body = table.tBodies[0];
    const headers = [...table.tHead.rows[0].cells];
    table.classList.add("sortable");
    headers.forEach((header, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = header.textContent;
      header.replaceChildren(button);
      button.addEventListener("click", () => {
        const descending = header.ariaSort === "ascending";
        for (const other of headers) other.removeAttribute("aria-sort");
        header.ariaSort = descending ? "descending" : "ascending";
        body.append(...sorted([...body.rows], column, descending));
      });
    });
  }

  function makeFilter(table) {
    const rows = [...table.tBodies[0].rows].map((row) => ({ row, text: row.textContent.toLowerCase() }));
    const form = document.createElement("div");
    form.className = "filter";
    form.setAttribute("role", "search");
    const count = document.createElement("output");
    const words = document.createElement("input");
    words.type = "search";
    form.append(labelled("rows with", words));
    const choices = [];
    for (const header of table.tHead.querySelectorAll("[data-choose]")) {
      const column = header.cellIndex;
      const values = [...new Set(rows.map(({ row }) => textOf(row.cells[column])))];
      if (values.length < 2) continue;
      const select = document.createElement("select");
      select.append(new Option("all", ""), ...values.map((value) => new Option(value)));
      select.options[0].selected = true;
      form.append(labelled(header.textContent, select));
      choices.push({ column, select });
    }
    form.append(count);
    const show = () => {
      const asked = words.value.toLowerCase().split(/\s+/).filter(Boolean);
      const chosen = choices.filter(({ select }) => select.selectedIndex > 0);
      let shown = 0;
      for (const { row, text } of rows) {
        const wanted = asked.every((word) => text.includes(word)) &&
          chosen.every(({ column, select }) => textOf(row.cells[column]) === select.value);
        row.hidden = !wanted;
        shown += wanted;
      }
      count.textContent = shown === rows.length ? `${shown} rows` : `${shown} of ${rows.length} rows`;
    };
    form.addEventListener("input", show);
    show();
    table.parentElement.before(form);
  }

  function labelled(text, field) {
    const label = document.createElement("label");
    label.append(text, " ", field);
    return label;
  }

  function makeEnlarge(figure) {
    figure.classList.add("enlarges");
    const toggle = () => figure.classList.toggle("enlarged");
    figure.addEventListener("click", toggle);
    figure.addEventListener("keydown", (event) => { if (event.key === "Enter") toggle(); });
  }

  for (const figure of document.querySelectorAll(".plot.wide")) makeEnlarge(figure);
  for (const table of document.querySelectorAll("table.data")) {
    if (table.tBodies[0].rows.length > MANY) makeFilter(table); // which reads the headers first
    if (table.tBodies[0].rows.length > 1) makeSortable(table);
  }
})();
