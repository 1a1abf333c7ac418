// What htmx does not do: times in the browser's time zone, actions in a dialog and their previews, selecting all rows, copying, live lists.
// Every page works without it.
(() => {
  "use strict";
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  const full = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric", hour: "2-digit",
    minute: "2-digit", timeZoneName: "short" });
  const dialog = document.getElementById("dialog");

  function improve(root) {
    for (const time of root.querySelectorAll("time[datetime]")) {
      const text = full.format(new Date(time.dateTime));
      if ("exact" in time.dataset) time.textContent = text; else time.title = text;
    }
    for (const field of root.querySelectorAll("[name=zone][value='']")) {
      for (const input of field.form.querySelectorAll("[type=datetime-local]:not([value=''])")) {
        const time = new Date(input.value + "Z");
        input.value = new Date(time - time.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
      }
      field.value = zone;
    }
    for (const name of root.querySelectorAll("[data-zone]")) name.textContent = zone;
    for (const head of root.querySelectorAll("th[data-all]:not(:has(input))")) {
      const all = Object.assign(document.createElement("input"), { type: "checkbox", ariaLabel: "Select all orders" });
      all.addEventListener("change", () => {
        for (const box of head.closest("table").querySelectorAll("tbody [type=checkbox]")) box.checked = all.checked;
      });
      head.append(all);
    }
    for (const block of root.querySelectorAll("details > pre:last-child, pre[data-copy]")) {
      if (!navigator.clipboard) break;
      delete block.dataset.copy;
      const button = Object.assign(document.createElement("button"), { className: "sm", type: "button",
        textContent: "Copy" });
      button.addEventListener("click", async () => {
        await navigator.clipboard.writeText(block.textContent);
        button.textContent = "Copied";
      });
      block.after(button);
    }
  }

  // A list that is read again when an event arrives, until it is paused.
  function follow(bar) {
    let source, timer;
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: "Live" });
    function refresh(event) {
      if (bar.dataset.order && event.data !== bar.dataset.order) return;
      timer ??= setTimeout(() => {
        timer = undefined;
        htmx.ajax("GET", location.href, { target: "#events", select: "#events", selectOOB: "#icons", swap: "outerHTML" });
      }, 1000);
    }
    function toggle() {
      source?.close();
      source = source ? undefined : new EventSource(bar.dataset.live);
      for (const type of bar.dataset.types.split(" ")) source?.addEventListener(type, refresh);
      source?.addEventListener("error", () => {
        if (source?.readyState === EventSource.CLOSED) toggle();  // rejected, such as after the end of the session
      });
      button.setAttribute("aria-pressed", Boolean(source));
      button.className = source ? "pri" : "";
    }
    button.addEventListener("click", toggle);
    bar.prepend(button);
    toggle();
  }

  async function open(link) {
    await htmx.ajax("GET", link.href, { source: link, target: dialog, select: "#action", swap: "innerHTML" });
    if (dialog.querySelector("form")) dialog.showModal(); else location.assign(link.href);
  }

  document.addEventListener("click", (event) => {
    const isPlain = !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);
    const link = event.target.closest("a");
    if (!link || !isPlain || !dialog) return;
    if ("dialog" in link.dataset) {
      event.preventDefault();
      open(link);
    } else if ("close" in link.dataset && dialog.open) {
      event.preventDefault();
      dialog.close();
    }
  });
  // Until the preview of what is typed has arrived, its action cannot be run, and the button has no amount.
  document.addEventListener("input", (event) => {
    const preview = event.target.closest("#action")?.querySelector("#preview");
    if (!preview) return;
    htmx.trigger(preview, "htmx:abort");
    const run = preview.querySelector("#run");
    run.ariaDisabled = "true";
    run.textContent = run.dataset.label;
  });
  document.addEventListener("htmx:afterRequest", (event) => {  // also if it failed: then the server decides
    if (event.detail.elt.id === "preview") event.detail.elt.querySelector("#run").ariaDisabled = null;
  });
  document.addEventListener("submit", (event) => {
    if (event.target.querySelector("#run")?.ariaDisabled) event.preventDefault();
  });
  document.addEventListener("input", (event) => {
    const output = event.target.parentElement?.querySelector("output");
    if (event.target.type === "range" && output) output.value = event.target.value;
  });
  document.addEventListener("keydown", (event) => {
    const search = document.getElementById("q");
    if (event.key !== "/" || !search || event.target.closest("input, textarea, select")) return;
    event.preventDefault();
    search.focus();
  });
  document.addEventListener("htmx:load", (event) => improve(event.target));
  improve(document);
  document.querySelectorAll("[data-live]").forEach(follow);
})();
