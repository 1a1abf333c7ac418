// What htmx does not do: times in the browser's time zone, actions in a dialog, copy buttons. Nothing depends on it.
(() => {
  "use strict";
  const full = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", year: "numeric", hour: "2-digit",
    minute: "2-digit", timeZoneName: "short" });
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

  function localize(root) {
    for (const time of root.querySelectorAll("time[datetime]")) {
      const text = full.format(new Date(time.dateTime));
      if ("exact" in time.dataset) time.textContent = text; else time.title = text;
    }
    for (const name of root.querySelectorAll("[data-zone]")) name.textContent = zone;
    for (const block of root.querySelectorAll("details > pre")) {
      if (block.nextElementSibling || !navigator.clipboard) continue;
      const button = Object.assign(document.createElement("button"), { className: "sm", type: "button",
        textContent: "Copy" });
      button.addEventListener("click", async () => {
        await navigator.clipboard.writeText(block.textContent);
        button.textContent = "Copied";
      });
      block.after(button);
    }
  }

  document.addEventListener("htmx:load", (event) => localize(event.target));
  localize(document);
})();
