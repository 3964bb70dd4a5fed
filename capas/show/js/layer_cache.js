// The layer cache as a toy: a Dockerfile to move about and to edit, and what is built again.

const STYLE = `
.capas-cache ol { list-style: none; margin: 10px 0; padding: 0; }
.capas-cache li { display: grid; grid-template-columns: 132px minmax(0, 1fr) 52px 112px; gap: 4px 10px; align-items: center;
  border-left: 5px solid var(--capas-edge); padding: 3px 0 3px 10px; margin: 4px 0; }
.capas-cache li[data-state="cached"] { border-color: var(--capas-ok); }
.capas-cache li[data-state="rebuilt"] { border-color: var(--capas-warn); background: var(--capas-warn-fill); }
.capas-cache li[data-state="wrong"] { border-color: var(--capas-error); background: var(--capas-error-fill); }
.capas-cache li[data-state="base"] { border-color: var(--capas-image); }
.capas-cache .state { font-weight: 600; white-space: nowrap; }
.capas-cache li[data-state="cached"] .state { color: var(--capas-ok-text); }
.capas-cache li[data-state="rebuilt"] .state { color: var(--capas-warn-text); }
.capas-cache li[data-state="wrong"] .state { color: var(--capas-error-text); }
.capas-cache .why { grid-column: 2; font-size: 13.5px; color: var(--capas-muted); min-height: 1.4em; }
.capas-cache li[data-state="rebuilt"] .why { color: var(--capas-ink); }
.capas-cache .said { grid-column: 3 / -1; font-size: 13.5px; min-height: 1.4em; white-space: nowrap; }
.capas-cache .seconds { text-align: right; font-variant-numeric: tabular-nums; }
.capas-cache input[type="text"] { font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: 14px; width: 100%; min-width: 0; }
.capas-cache .tools { display: flex; gap: 4px; }
.capas-cache .tools button { padding: 2px 0; width: 34px; min-height: 32px; }
.capas-cache fieldset { border: 0; margin: 8px 0; padding: 0; display: flex; flex-wrap: wrap; gap: 4px 16px; min-width: 0; }
.capas-cache legend { float: left; padding: 0; margin-right: 16px; font-weight: 600; }
.capas-cache label { display: inline-flex; gap: 6px; align-items: center; cursor: pointer; }
.capas-cache input[type="checkbox"] { accent-color: var(--capas-image); margin: 0; width: 16px; height: 16px; }
.capas-cache .total { font-weight: 600; margin: 6px 0; }
.capas-cache .message { min-height: 1.45em; }
.capas-cache { container-type: inline-size; }
@container (max-width: 620px) {
  .capas-cache li { grid-template-columns: minmax(min-content, 1fr) auto auto; gap: 4px 6px; }
  .capas-cache .tools button { width: 28px; }
  .capas-cache li > * { grid-column: 1 / -1; }
  .capas-cache li > .state { grid-column: 1; grid-row: 1; }
  .capas-cache li > .seconds { grid-column: 2; grid-row: 1; }
  .capas-cache li > .tools { grid-column: 3; grid-row: 1; }
  .capas-cache li > .gap { display: none; }
}
`;

const SIGNS = { cached: "✓ ", rebuilt: "↻ ", wrong: "✗ ", base: "", setting: "" };

function render({ model, el }) {
  const words = model.get("words");
  const root = make("div", { className: "capas capas-cache" });
  el.append(make("style", { textContent: STYLE }), root);
  const send = (message) => model.send(message);

  const order = make("select");
  for (const [value, word] of [["slow", words.slow], ["good", words.good], ["arg", words.argument]]) {
    order.append(make("option", { value, textContent: word }));
  }
  order.onchange = () => send({ do: "begin", start: order.value });

  const boxes = {};
  const changes = make("fieldset", {}, make("legend", { textContent: words.ask }));
  for (const name of ["main.py", "Pipfile", "base", "arg"]) {
    boxes[name] = make("input", { type: "checkbox" });
    boxes[name].onchange = () => send({ do: "change", what: Object.keys(boxes).filter((n) => boxes[n].checked) });
    const shown = name.includes("P") || name.includes(".") ? make("code", { textContent: name }) : make("span", { textContent: words[name] });
    changes.append(make("label", {}, boxes[name], shown));
  }

  const list = make("ol");
  const rows = [];
  let focus = null;

  function row(n) {
    const state = make("span", { className: "state" });
    const text = make("input", { type: "text", spellcheck: false, autocomplete: "off" });
    const seconds = make("span", { className: "seconds" });
    const why = make("span", { className: "why" });
    const said = make("span", { className: "said" });
    const up = make("button", { type: "button", textContent: "↑" });
    const down = make("button", { type: "button", textContent: "↓" });
    const drop = make("button", { type: "button", textContent: "×" });
    for (const [button, word] of [[up, words.up], [down, words.down], [drop, words.drop]]) {
      button.title = fill(word, { n: n + 1 });
      button.setAttribute("aria-label", button.title);
    }
    text.setAttribute("aria-label", fill(words.line, { n: n + 1 }));
    const move = (by, control) => {
      if (n === 0 || n + by < 1 || n + by >= model.get("lines").length) return;
      focus = [n + by, control];
      send({ do: "move", at: n, by });
    };
    up.onclick = () => move(-1, "up");
    down.onclick = () => move(1, "down");
    drop.onclick = () => { focus = [Math.max(1, n - 1), "text"]; send({ do: "drop", at: n }); };
    text.onchange = () => send({ do: "edit", at: n, text: text.value });
    text.onkeydown = (event) => {
      if (event.altKey && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
        event.preventDefault();
        move(event.key === "ArrowUp" ? -1 : 1, "text");
      } else if (event.key === "Enter") {
        send({ do: "edit", at: n, text: text.value });
      }
    };
    const item = make("li", {}, state, text, seconds, make("span", { className: "tools" }, up, down, drop), make("span", { className: "gap" }), why, said);
    return { item, state, text, seconds, why, said, up, down, drop };
  }

  const total = make("p", { className: "total" });
  total.setAttribute("role", "status");
  const message = make("p", { className: "message" });
  message.setAttribute("role", "status");
  const add = make("button", { type: "button", textContent: words.add });
  add.onclick = () => { focus = [model.get("lines").length, "text"]; send({ do: "add" }); };
  const built = make("button", { type: "button", textContent: words.built, title: words.built_help });
  built.onclick = () => send({ do: "built" });
  const real = make("button", { type: "button", textContent: words.real });
  real.onclick = () => send({ do: "real" });

  root.append(
    make("h4", { textContent: words.title }),
    make("div", { className: "row" }, make("label", {}, words.order, order)),
    changes,
    list,
    total,
    make("div", { className: "row" }, add, built, real),
    message,
    make("p", { className: "muted", textContent: words.seconds }),
  );

  function draw() {
    const [lines, steps, said, busy] = ["lines", "steps", "said", "busy"].map((name) => model.get(name));
    order.value = model.get("start");
    for (const name in boxes) { boxes[name].checked = model.get("changed").includes(name); boxes[name].disabled = busy; }
    while (rows.length < lines.length) { rows.push(row(rows.length)); list.append(rows.at(-1).item); }
    while (rows.length > lines.length) rows.pop().item.remove();
    lines.forEach((line, n) => {
      const r = rows[n];
      const step = steps[n] ?? { state: "setting", why: "", seconds: "" };
      if (r.text.value !== line && !(document.activeElement === r.text && !focus)) r.text.value = line;
      r.item.dataset.state = step.state === "base" && step.new ? "rebuilt" : step.state;
      r.state.textContent = (SIGNS[step.state] ?? "") + (step.state === "base" ? words.base_state : words[step.state]);
      r.seconds.textContent = step.seconds;
      r.why.textContent = step.why;
      const expected = { cached: "CACHED", rebuilt: "DONE" }[step.state];
      r.said.textContent = said[n] ? `${words.said}: ${said[n]} ${said[n] === expected ? "✓" : "✗"}` : "";
      r.text.readOnly = n === 0;
      r.text.disabled = busy;
      r.up.disabled = busy || n < 2;
      r.down.disabled = busy || n === 0 || n === lines.length - 1;
      r.drop.disabled = busy || n === 0 || lines.length < 3;
    });
    total.textContent = model.get("total");
    message.textContent = busy ? words.asking : model.get("message");
    for (const button of [add, built, real, order]) button.disabled = busy;
    if (focus && rows[focus[0]]) {
      const wanted = rows[focus[0]][focus[1]];
      const { up, down, text } = rows[focus[0]];
      [wanted, up, down, text].find((control) => !control.disabled)?.focus();
      focus = null;
    }
  }

  let waiting = false;
  const later = () => {
    if (waiting) return;
    waiting = true;
    queueMicrotask(() => { waiting = false; draw(); });
  };
  const names = ["lines", "steps", "said", "busy", "message", "changed", "total", "start"];
  for (const name of names) model.on(`change:${name}`, later);
  draw();
  return () => { for (const name of names) model.off(`change:${name}`, later); };
}

export default { render: apart(render) };
