// The life of a container: a diagram of its states, and buttons that the engine obeys.

const SVG = "http://www.w3.org/2000/svg";
const STYLE = `
.capas-life svg { display: block; width: 100%; height: auto; }
.capas-life svg text { fill: var(--capas-ink); font: 600 18px system-ui, sans-serif; text-anchor: middle; }
.capas-life svg .edge path { fill: none; stroke: var(--capas-line); stroke-width: 2; opacity: .45; }
.capas-life svg .edge .tip { fill: var(--capas-line); stroke: none; }
.capas-life svg .edge text { font: 15px ui-monospace, Menlo, Consolas, monospace; fill: var(--capas-muted); }
.capas-life svg .edge.now { cursor: pointer; }
.capas-life svg .edge.now path { opacity: 1; stroke: var(--capas-ink); }
.capas-life svg .edge.now .tip { fill: var(--capas-ink); }
.capas-life svg .edge.now text { fill: var(--capas-ink); font-weight: 700; }
.capas-life svg .edge.hot path { opacity: 1; stroke: var(--capas-image); stroke-width: 4; }
.capas-life svg .edge.hot .tip { fill: var(--capas-image); stroke: none; }
.capas-life svg .edge .reach { stroke: transparent !important; stroke-width: 22 !important; }
.capas-life svg .node rect { fill: var(--capas-card); stroke: var(--capas-line); stroke-width: 2; }
.capas-life svg .node.absent rect { stroke-dasharray: 2 6; }
.capas-life svg .node.current rect { fill: var(--capas-container); stroke: var(--capas-ink); stroke-width: 3; stroke-dasharray: none; }
.capas-life svg .node.current text { fill: var(--capas-container-on); }
.capas-life .told { min-height: 3em; margin: 4px 0 8px; }
.capas-life .group { margin: 8px 0; }
.capas-life .group > span { flex: 0 0 100%; font-size: 13px; color: var(--capas-muted); }
.capas-life button { font-family: ui-monospace, Menlo, Consolas, monospace; font-size: 14px; }
.capas-life button.prose { font-family: inherit; }
.capas-life button.unlikely { border-style: dashed; color: var(--capas-muted); background: none; }
.capas-life button[aria-disabled="true"] { cursor: progress; opacity: .6; }
.capas-life .preview { min-height: 4.4em; margin: 6px 0; overflow-wrap: anywhere; font-size: 13px; }
.capas-life pre.log { height: 200px; overflow: auto; margin: 6px 0 0; font-size: 13px; }
.capas-life pre.log .failed { color: #ff9b94; }
.capas-life pre.log .answer { color: var(--capas-terminal-muted); }
`;

function draw(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

// The head of an arrow, its tip on the last point.
function tip(points) {
  const [[x1, y1], [x2, y2]] = points.slice(-2);
  const length = Math.hypot(x2 - x1, y2 - y1);
  const [ux, uy] = [(x2 - x1) / length, (y2 - y1) / length];
  const [bx, by] = [x2 - 12 * ux, y2 - 12 * uy];
  return `M${x2} ${y2} L${bx - 6 * uy} ${by + 6 * ux} L${bx + 6 * uy} ${by - 6 * ux} z`;
}

const DOCKER = ["create", "start", "pause", "unpause", "stop", "kill", "restart", "rm", "rm -f"];
const INSIDE = ["exit0", "exit3", "oom"];
// In the diagram both ends of the program are one arrow.
const edgeOf = (action) => (action.startsWith("exit") ? "exit" : action);
const actionOf = (edge) => (edge === "exit" ? "exit0" : edge);

function render({ model, el }) {
  const words = model.get("words");
  const act = (action) => {
    if (!model.get("busy")) model.send({ act: action });
  };

  const nodes = {};
  const edges = [];
  const svg = draw("svg", { viewBox: "24 70 912 366", role: "img" });
  for (const [action, from, points, [x, y, label]] of model.get("edges")) {
    const d = "M" + points.map((point) => point.join(" ")).join(" L");
    const edge = draw(
      "g",
      { class: "edge" },
      draw("path", { d }),
      draw("path", { class: "tip", d: tip(points) }),
      draw("path", { class: "reach", d }),
      draw("text", { x, y }),
    );
    edge.lastChild.textContent = label;
    edge.addEventListener("click", () => act(actionOf(action)));
    edges.push({ edge, action, from });
    svg.append(edge);
  }
  for (const [state, [x, y, width, height]] of Object.entries(model.get("nodes"))) {
    const node = draw(
      "g",
      { class: `node ${state}` },
      draw("rect", { x, y, width, height, rx: 10 }),
      draw("text", { x: x + width / 2, y: y + height / 2 + 6 }),
    );
    node.lastChild.textContent = words[state] ?? state;
    nodes[state] = node;
    svg.append(node);
  }

  const told = make("p", { className: "told" });
  told.setAttribute("role", "status");
  const preview = make("p", { className: "preview mono muted" });
  const log = make("pre", { className: "terminal log", tabIndex: 0 });
  log.setAttribute("role", "log");
  log.setAttribute("aria-label", words.log);

  const buttons = {};
  const group = (title, actions) => {
    const row = make("div", { className: "row group" }, make("span", { textContent: title }));
    row.setAttribute("role", "group");
    row.setAttribute("aria-label", title);
    for (const action of actions) {
      const button = make("button", {
        type: "button",
        textContent: words[action] ?? action,
        className: words[action] ? "prose" : "",
      });
      const show = (on) => {
        preview.textContent = on ? `$ ${model.get("commands")[action]}` : words.hint;
        for (const { edge, action: its } of edges) edge.classList.toggle("hot", on && its === edgeOf(action));
      };
      button.onclick = () => act(action);
      button.onmouseenter = button.onfocus = () => show(true);
      button.onmouseleave = button.onblur = () => show(false);
      buttons[action] = button;
      row.append(button);
    }
    return row;
  };

  const root = make(
    "div",
    { className: "capas capas-life" },
    make("h4", { textContent: words.title }),
    svg,
    told,
    group(words.docker, DOCKER),
    group(words.inside, INSIDE),
    preview,
    log,
  );
  preview.textContent = words.hint;
  el.append(make("style", { textContent: STYLE }), root);

  function update() {
    const state = model.get("state");
    const possible = model.get("possible")[state] ?? [];
    const busy = model.get("busy");
    const name = words[state] ?? state;
    for (const [its, node] of Object.entries(nodes)) node.classList.toggle("current", its === state);
    for (const { edge, from } of edges) edge.classList.toggle("now", from === state);
    svg.setAttribute("aria-label", words.diagram.replace("{state}", name));
    for (const [action, button] of Object.entries(buttons)) {
      const unlikely = !possible.includes(action);
      button.classList.toggle("unlikely", unlikely);
      button.setAttribute("aria-disabled", String(Boolean(busy)));
      if (unlikely) button.setAttribute("aria-description", words.unlikely);
      else button.removeAttribute("aria-description");
    }
    const trouble = model.get("trouble");
    if (trouble) {
      told.replaceChildren(make("span", { className: "error", textContent: trouble }));
      return;
    }
    told.replaceChildren(`${words.state}: `, make("strong", { textContent: name }));
    const code = model.get("code");
    if (busy) told.append(` · ${words.busy}`);
    else if (code !== null) {
      told.append(
        ` · ${words.code} `,
        make("strong", { textContent: code }),
        ` · OOMKilled ${model.get("oom")}`,
        make("br"),
        model.get("meaning"),
      );
    }
  }

  function list() {
    const lines = model.get("log").flatMap(({ command, output, ok }) => [
      `$ ${command}\n`,
      ...(output ? [make("span", { className: ok ? "answer" : "failed", textContent: `${output}\n` })] : []),
    ]);
    log.replaceChildren(...(lines.length ? lines : [make("span", { className: "answer", textContent: words.empty })]));
    log.scrollTop = log.scrollHeight;
  }

  const watched = "change:state change:code change:oom change:meaning change:busy change:trouble";
  model.on(watched, update);
  model.on("change:log", list);
  update();
  list();
  return () => {
    model.off(watched, update);
    model.off("change:log", list);
  };
}

export default { render: apart(render) };
