// The build context explorer: the folder as a tree, beside the patterns that sieve it.

const STYLE = `
.capas-context .two { display: grid; grid-template-columns: minmax(0, 3fr) minmax(220px, 2fr); gap: 18px; align-items: start; }
.capas-context { container-type: inline-size; }
@container (max-width: 640px) { .capas-context .two { grid-template-columns: minmax(0, 1fr); } }
.capas-context ul { list-style: none; margin: 0; padding: 0; }
.capas-context ul ul { margin-left: 20px; }
.capas-context .tree { max-height: 460px; overflow: auto; }
.capas-context .line { display: flex; gap: 8px; align-items: baseline; padding: 2px 6px; border-radius: 6px; flex-wrap: wrap; }
.capas-context summary { cursor: pointer; border-radius: 6px; display: flex; align-items: baseline; list-style: none; }
/* A mark of our own, as wide as a file is indented: WebKit's is wider, and broke the line. */
.capas-context summary::-webkit-details-marker { display: none; }
.capas-context summary::before { content: "▸"; flex: 0 0 16px; }
.capas-context details[open] > summary::before { content: "▾"; }
.capas-context summary .line { flex: 1; min-width: 0; }
.capas-context .name { font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: 14px; overflow-wrap: anywhere; }
.capas-context .size { margin-left: auto; color: var(--capas-muted); font-variant-numeric: tabular-nums; white-space: nowrap; }
.capas-context .sign { width: 1.2em; font-weight: 700; flex: none; }
.capas-context .sent > .sign { color: var(--capas-ok-text); }
.capas-context .out > .sign { color: var(--capas-error-text); }
.capas-context .out > .name { color: var(--capas-muted); text-decoration: line-through; }
.capas-context .partly > .sign { color: var(--capas-warn-text); }
.capas-context .because { font-size: 13px; color: var(--capas-muted); }
.capas-context .plain { padding-left: 16px; }
.capas-context textarea { font: 14px/1.5 ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; color: var(--capas-ink); background: var(--capas-card);
  border: 1.5px solid var(--capas-line); border-radius: 8px; padding: 8px 12px; width: 100%; resize: vertical; min-height: 300px; display: block; margin: 4px 0; }
.capas-context .bar { height: 14px; border-radius: 7px; background: var(--capas-error-fill); border: 1px solid var(--capas-edge); overflow: hidden; }
.capas-context .bar div { height: 100%; background: var(--capas-ok); }
.capas-context .message { min-height: 1.45em; }
`;

const SIGNS = { sent: "✓", out: "✗", partly: "◐" };

function render({ model, el }) {
  const words = model.get("words");
  const root = make("div", { className: "capas capas-context" });
  el.append(make("style", { textContent: STYLE }), root);
  const open = new Set();

  function entry(one) {
    const line = make("span", { className: `line ${one.state}` });
    const sign = make("span", { className: "sign", textContent: SIGNS[one.state] });
    sign.setAttribute("role", "img");
    sign.setAttribute("aria-label", words[one.state]);
    line.append(sign, make("span", { className: "name", textContent: one.name + (one.folder ? "/" : "") }));
    if (one.rule) {
      const verb = one.back ? words.back : words.by;
      line.append(make("span", { className: "because", textContent: `${verb} ${one.back ? "" : `${one.line}: `}${one.rule}` }));
    }
    line.append(make("span", { className: "size", textContent: one.size }));
    if (!one.entries.length) return make("li", { className: "plain" }, line);
    const details = make("details", { open: open.has(one.path) }, make("summary", {}, line));
    const fillIn = () => {
      if (details.querySelector("ul")) return;
      const inside = make("ul", {}, ...one.entries.map(entry));
      if (one.more) inside.append(make("li", { className: "plain muted", textContent: fill(words.more, { n: one.more }) }));
      details.append(inside);
    };
    if (details.open) fillIn();
    details.ontoggle = () => {
      if (details.open) { open.add(one.path); fillIn(); } else open.delete(one.path);
    };
    return make("li", {}, details);
  }

  const total = make("p");
  total.setAttribute("role", "status");
  const bar = make("div", { className: "bar" }, make("div"));
  bar.setAttribute("aria-hidden", "true");
  const tree = make("div", { className: "tree" });
  const text = make("textarea", { spellcheck: false, value: model.get("text"), rows: 14 });
  let timer;
  text.oninput = () => {
    clearTimeout(timer);
    timer = setTimeout(() => model.send({ do: "edit", text: text.value }), 250);
  };
  const fault = make("p", { className: "message" });
  fault.setAttribute("role", "status");
  const label = make("label", { textContent: words.patterns, htmlFor: `capas-${Math.random()}` });
  text.id = label.htmlFor;
  const buttons = ["ask", "save", "again"].map((name) => {
    const button = make("button", { type: "button", textContent: words[name] });
    button.onclick = () => {
      clearTimeout(timer);
      if (text.value !== model.get("text")) model.send({ do: "edit", text: text.value });
      model.send({ do: name });
    };
    return button;
  });
  root.append(
    make("h4", { textContent: words.title }),
    total,
    bar,
    make("div", { className: "two", style: "margin-top: 12px" }, tree, make("div", {}, label, text)),
    make("div", { className: "row", style: "margin-top: 10px" }, ...buttons),
    fault,
  );

  function draw() {
    total.textContent = model.get("total");
    bar.firstChild.style.width = `${(100 * model.get("share")).toFixed(2)}%`;
    const [message, wrong, busy] = ["message", "fault", "busy"].map((name) => model.get(name));
    fault.className = wrong ? "message error" : "message";
    fault.textContent = busy ? words.asking : wrong || message;
    for (const button of buttons) button.disabled = busy;
  }
  function drawTree() {
    const top = tree.scrollTop;
    tree.replaceChildren(make("ul", {}, ...model.get("tree").entries.map(entry)));
    tree.scrollTop = top;
  }
  const names = ["total", "share", "message", "fault", "busy"];
  for (const name of names) model.on(`change:${name}`, draw);
  model.on("change:tree", drawTree);
  draw();
  drawTree();
  return () => {
    clearTimeout(timer);
    for (const name of names) model.off(`change:${name}`, draw);
    model.off("change:tree", drawTree);
  };
}

export default { render: apart(render) };
