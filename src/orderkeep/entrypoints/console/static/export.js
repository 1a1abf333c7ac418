// The export of orders with its progress. Without this script, or while another export is in progress, the links of the
// menu download the file.
(() => {
  "use strict";
  const place = document.getElementById("export");
  const format = new Intl.NumberFormat("en-GB");
  const ordersIn = (count) => `${format.format(count)} order${count === 1 ? "" : "s"}`;
  let running;

  const element = (tag, values, ...children) => {
    const made = Object.assign(document.createElement(tag), values);
    made.append(...children);
    return made;
  };

  // How many orders are in a file, from its parts. In CSV an order has a row for each line, and there is a head.
  function counter(isCsv) {
    const decoder = new TextDecoder();
    let rest = "", last = "", orders = isCsv ? -1 : 0;
    return (part) => {
      const rows = (rest + decoder.decode(part, { stream: true })).split("\n");
      rest = rows.pop();
      for (const row of rows) {
        const order = isCsv ? row.split(",", 1)[0] : row;
        if (order !== last) orders += 1;
        last = order;
      }
      return Math.max(orders, 0);
    };
  }

  // A file that the browser writes as it arrives, if the browser can; otherwise it is kept in memory until the end.
  async function open(name) {
    if (window.showSaveFilePicker) {
      const file = await window.showSaveFilePicker({ suggestedName: name });
      return file.createWritable();
    }
    const parts = [];
    return {
      write: (part) => { parts.push(part); },
      abort: () => { parts.length = 0; },
      close: () => {
        const link = element("a", { href: URL.createObjectURL(new Blob(parts)), download: name });
        link.click();
        setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
      },
    };
  }

  async function problem(response) {
    if (response.redirected) return "Your session has ended: sign in again.";
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    return page.querySelector("main p")?.textContent ?? `The server responded with ${response.status}.`;
  }

  async function save(link) {
    const type = new URL(link.href).searchParams.get("format");
    const name = `orders-${new Date().toISOString().slice(0, 10)}.${type}`;
    let file, orders = 0;
    const { total, about } = link.closest("details").dataset;
    const soFar = () => total ? `${format.format(orders)} of ${about ?? ""}${ordersIn(Number(total))}` : ordersIn(orders);
    const status = element("b", { role: "status", textContent: `Exporting to ${name}` });
    const progress = element("progress", total ? { max: Number(total), value: 0 } : {});
    progress.ariaLabel = "Progress of the export";
    const text = element("span", { textContent: soFar() });
    const cancel = element("button", { type: "button", className: "sm", textContent: "Cancel" });
    const stop = new AbortController();
    try {
      file = await open(name);
    } catch (error) {
      if (error.name !== "AbortError") location.assign(link.href);  // as without this script
      return;
    }
    running = stop;
    link.closest("details").open = false;
    place.className = "note eps";
    place.replaceChildren(status, progress, text, cancel);
    cancel.addEventListener("click", () => stop.abort());
    cancel.focus();
    const end = (message, ...buttons) => {
      running = undefined;
      const close = element("button", { type: "button", className: "sm", textContent: "Close" });
      close.addEventListener("click", () => { place.className = ""; place.replaceChildren(); });
      place.replaceChildren(element("b", { role: "status", textContent: message }), ...buttons, close);
      close.focus();
    };
    try {
      const response = await fetch(link.href, { signal: stop.signal });
      if (!response.ok || response.redirected) throw new Error(await problem(response), { cause: response });
      const reader = response.body.getReader(), count = counter(type === "csv");
      for (let part = await reader.read(); !part.done; part = await reader.read()) {
        await file.write(part.value);
        orders = count(part.value);
        text.textContent = soFar();
        if (total) progress.value = orders;
      }
      await file.close();
      end(`Exported ${ordersIn(orders)} to ${name}.`);
    } catch (error) {
      await Promise.resolve(file.abort()).catch(() => {});
      const done = `after ${ordersIn(orders)}. Nothing was saved.`;
      if (stop.signal.aborted) return end(`The export was cancelled ${done}`);
      const again = element("button", { type: "button", className: "sm", textContent: "Try again" });
      again.addEventListener("click", () => save(link));
      place.className = "note b eps";
      const lost = error instanceof TypeError ? "The connection was lost" : "The file could not be written";
      end(error.cause ? `Nothing was exported. ${error.message}` : `${lost} ${done}`, again);
    }
  }

  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-export]");
    if (!link || running || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    save(link);
  });
  window.addEventListener("beforeunload", (event) => { if (running) event.preventDefault(); });
})();
