// The charts over time, drawn by uPlot: zoom by dragging, with buttons and with keys; values on hover and on focus.
// They replace the server's SVG, look the same, and take names and texts from the tables below.
(() => {
  "use strict";
  const LEFT = 52, RIGHT = 20, TOP = 8, BOTTOM = 24, LABEL_WIDTH = 88, MOST_LABELS = 5, FEWEST = 2;
  const STEPS = [1, 2, 2.5, 5, 10], SIZES = [[1e9, "bn"], [1e6, "m"], [1e3, "k"], [1, ""]];
  const FONT = "12px system-ui, sans-serif";
  const clamp = (value, least, most) => Math.min(Math.max(value, least), most);
  const color = (name) => () => getComputedStyle(document.documentElement).getPropertyValue(name);
  const figures = [...document.querySelectorAll("figure[data-values]")];
  if (!figures.length) return;

  const end = figures[0].dataset.values.split(",").length - 1;
  let first = 0, last = end;  // the periods that all charts show
  let wider = [];  // the ranges that were zoomed into: zooming out goes back through them
  const charts = figures.map(draw);

  function zoom(from, to) {
    const span = clamp(to - from, FEWEST - 1, end);
    first = clamp(from, 0, end - span);
    last = first + span;
    for (const update of charts) update();
  }

  function zoomIn(from, to) {
    const span = Math.max(to - from, FEWEST - 1), start = clamp(from, first, last - span);  // within the present range
    wider.push([first, last]);
    zoom(start, start + span);
  }
  // Show the range from which this one was zoomed into, or twice as many periods if the range was moved out of it.
  function zoomOut(middle) {
    const [from, to] = wider.pop() ?? [0, end];
    if (from <= first && to >= last) zoom(from, to); else show(middle, 2);
  }
  function show(middle, factor, change = zoom) {
    const number = Math.ceil((last - first + 1) * factor), from = Math.ceil(middle) - Math.floor(number / 2);
    change(from, from + number - 1);
  }
  function reset() {
    wider = [];
    zoom(0, end);
  }
  const middle = () => (first + last) / 2;

  function draw(figure) {
    const { unit, exponent } = figure.dataset, labels = figure.dataset.labels.split(",");
    const numbers = figure.dataset.values.split(",").map(Number), indexes = [...numbers.keys()];
    const section = figure.closest("section"), details = section.querySelector("details");
    const title = section.querySelector("h2").textContent, svg = figure.querySelector("svg");
    const isLine = Boolean(svg.querySelector(".ln")), { height } = figure.getBoundingClientRect();
    const rows = [...section.querySelectorAll("tbody tr")].reverse().map((row) => [...row.cells]);
    const names = rows.map(([name]) => name.textContent);
    const texts = rows.map(([, value], index) =>
      `${names[index]}: ${value.textContent}${unit ? "" : numbers[index] === 1 ? " order" : " orders"}`);
    const tip = document.createElement("div"), tools = document.createElement("div");
    let at = end;  // the period of the values that are shown

    // The ticks of the server: round numbers, up to the largest value or a little more.
    function ticks() {
      const most = Math.max(...numbers.slice(first, last + 1), 1), least = Math.max(most / 4, 1);
      const power = 10 ** Math.floor(Math.log10(least));
      const step = power * STEPS.find((each) => each * power >= least && Number.isInteger(each * power));
      return Array.from({ length: Math.ceil(most / step) + 1 }, (_, index) => index * step);
    }
    function tick(number) {
      if (!unit) return number.toLocaleString("en");
      const amount = number / 10 ** exponent, [size, letter] = SIZES.find(([each]) => amount >= each) ?? [1, ""];
      return unit + amount / size + letter;
    }
    function labelled(plot) {
      const most = clamp(Math.floor(plot.width / LABEL_WIDTH), 1, MOST_LABELS);
      const every = Math.ceil((last - first + 1) / most);
      return indexes.filter((index) => index >= first && index <= last && (last - index) % every === 0);
    }
    function size() {
      return { width: figure.clientWidth, height: Math.floor(height) };
    }
    function snap(plot, left, top) {
      return [left < 0 ? left : plot.valToPos(clamp(Math.round(plot.posToVal(left, "x")), first, last), "x"), top];
    }

    const axis = { stroke: color("--dim"), font: FONT, ticks: { show: false } };
    const series = isLine
      ? { stroke: color("--acc"), width: 1.5, points: { show: true, size: 4, width: 0, fill: color("--acc") } }
      : { fill: color("--acc"), width: 0, paths: uPlot.paths.bars({ size: [0.8] }), points: { show: false } };
    const plot = new uPlot({
      ...size(), padding: [TOP, RIGHT, 0, 0], legend: { show: false },
      cursor: { y: false, points: { show: isLine, size: 8 }, drag: { setScale: false }, move: snap,
        bind: { dblclick: () => () => reset() } },
      scales: { x: { time: false, range: () => [first - 0.5, last + 0.5] }, y: { range: () => [0, ticks().at(-1)] } },
      series: [{}, series],
      axes: [
        { ...axis, size: BOTTOM, gap: 8, grid: { show: false }, splits: labelled,
          values: (_, splits) => splits.map((index) => labels[index]) },
        { ...axis, size: LEFT, gap: 8, grid: { stroke: color("--line"), width: 1 }, splits: ticks,
          values: (_, splits) => splits.map(tick) },
      ],
      hooks: { setCursor: [tell], setSelect: [select] },
    }, [indexes, numbers]);

    // Show the value under the pointer, or no value.
    function tell({ cursor }) {
      tip.hidden = cursor.idx == null;
      if (tip.hidden) return;
      at = cursor.idx;
      tip.textContent = texts[at];
      const place = plot.valToPos(at, "x"), width = plot.over.clientWidth;
      const beside = place > width / 2 ? place - 8 - tip.offsetWidth : place + 8;
      tip.style.left = `${clamp(beside, -LEFT, width + RIGHT - tip.offsetWidth)}px`;
      describe();
    }
    function describe() {
      plot.root.ariaLabel = title + (last - first < end ? `, ${names[first]} to ${names[last]}` : "");
      plot.root.ariaValueNow = at;
      plot.root.ariaValueText = texts[at];
    }
    function select({ select: { left, width } }) {
      const [from, to] = [left, left + width].map((place) => Math.round(plot.posToVal(place, "x")));
      plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
      if (from !== to) zoomIn(from, to);  // not a click
    }
    // Show the value of a period, and move the other periods along.
    function point(index) {
      at = clamp(index, 0, end);
      const excess = at < first ? at - first : Math.max(0, at - last);
      if (excess) zoom(first + excess, last + excess);
      plot.setCursor({ left: plot.valToPos(at, "x"), top: 0 });
    }
    function update() {
      at = clamp(at, first, last);
      const before = at;
      plot.batch(() => plot.setScale("x", { min: first - 0.5, max: last + 0.5 }));
      at = before;
      describe();
      if (document.activeElement === plot.root) point(at);
      closer.disabled = last - first < FEWEST;
      farther.disabled = whole.disabled = last - first === end;
    }
    function button(textContent, ariaLabel, title, press) {
      const found = Object.assign(document.createElement("button"),
        { type: "button", className: "sm", textContent, ariaLabel, title: `${ariaLabel}${title}` });
      found.addEventListener("click", () => {
        press();
        if (found.disabled) plot.root.focus();
      });
      tools.append(found, " ");
      return found;
    }
    const keys = {
      ArrowLeft: () => point(at - 1), ArrowRight: () => point(at + 1), Home: () => point(0), End: () => point(end),
      "+": () => closer.disabled || show(at, 0.5, zoomIn), "=": () => keys["+"](), "-": () => zoomOut(at), Escape: reset,
    };
    const closer = button("+", "Zoom in", " to the middle half; or drag over the chart, or press + in it",
      () => show(middle(), 0.5, zoomIn));
    const farther = button("\u2212", "Zoom out", " to the range before; or press - in the chart", () => zoomOut(middle()));
    const whole = button("Reset zoom", "Reset zoom", "; or double-click the chart, or press Escape in it", reset);

    Object.assign(plot.root, { role: "slider", tabIndex: 0, ariaValueMin: 0, ariaValueMax: end });
    plot.root.addEventListener("focus", () => point(at));
    plot.root.addEventListener("blur", () => plot.setCursor({ left: -10, top: -10 }));
    plot.root.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(keys, event.key)) return;
      event.preventDefault();
      keys[event.key]();
    });
    Object.assign(tip.style, { position: "absolute", top: 0, padding: "0 8px", background: "var(--bg)",
      border: "1px solid var(--edge)", borderRadius: "4px", whiteSpace: "nowrap", pointerEvents: "none" });
    tip.hidden = true;
    plot.over.append(tip);
    plot.over.style.cursor = "crosshair";
    Object.assign(plot.root.querySelector(".u-select").style, { background: "var(--acc)", opacity: 0.25 });
    plot.root.style.outlineOffset = "-2px";
    figure.style.height = `${height}px`;  // as before, so that nothing below moves
    tools.style.float = "right";
    details.before(tools);
    figure.removeAttribute("tabindex");
    svg.replaceWith(plot.root);
    new ResizeObserver(() => plot.setSize(size())).observe(figure);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => plot.redraw());
    addEventListener("beforeprint", () => plot.root.replaceWith(svg));  // paper has other colors and another width
    addEventListener("afterprint", () => svg.replaceWith(plot.root));
    return update;
  }
  zoom(0, end);
})();
