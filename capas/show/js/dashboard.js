// The dashboard: draws what Python tells (capas/show/dashboard.py), asks Python to act.
// Rows are kept by id and only what differs is touched, so that focus and scrolling stay.

const KINDS = ["containers", "images", "volumes", "networks"];
const LISTS = {
  containers: "docker ps --all",
  images: "docker image ls",
  volumes: "docker volume ls",
  networks: "docker network ls",
};
const COLUMNS = {
  containers: ["name", "image", "state", "cpu", "memory", "ports", "actions"],
  images: ["name", "size", "used", "actions"],
  volumes: ["name", "driver", "used", "actions"],
  networks: ["name", "driver", "subnet", "used", "actions"],
};
const SIGNS = { running: "●", paused: "‖", restarting: "↻", exited: "○", created: "·", dead: "✗" };
const BACK = { pause: "unpause", unpause: "pause", stop: "start", start: "stop", restart: "start" };
const POINTS = 40;

const STYLE = `
.capas-dash { container-type: inline-size; }
.capas-dash [role="tablist"] { display: flex; flex-wrap: wrap; gap: 4px; border-bottom: 1.5px solid var(--capas-line); }
.capas-dash [role="tab"] { border: 0; border-bottom: 4px solid transparent; border-radius: 8px 8px 0 0; background: none; }
.capas-dash [role="tab"]:hover:not(:disabled) { border-color: transparent; text-decoration: underline; }
.capas-dash [role="tab"][aria-selected="true"], .capas-dash [role="tab"][aria-selected="true"]:hover:not(:disabled) { border-bottom-color: var(--capas-image); font-weight: 700; text-decoration: none; }
.capas-dash .bar { margin: 8px 0; justify-content: space-between; }
.capas-dash .bar input[type="text"] { width: 170px; }
.capas-dash .bar input[type="checkbox"] { accent-color: var(--capas-warn); }
.capas-dash .list { max-height: 380px; min-height: 150px; overflow: auto; border-bottom: 1px solid var(--capas-edge); }
.capas-dash .list table { margin: 0; font-size: 13px; }
.capas-dash .list th { position: sticky; top: 0; background: var(--capas-paper); z-index: 1; }
.capas-dash .list th, .capas-dash .list td { padding: 3px 6px; }
.capas-dash .list td { vertical-align: middle; overflow-wrap: anywhere; }
.capas-dash .list td.num { min-width: 74px; font-variant-numeric: tabular-nums; }
.capas-dash .list td.state { white-space: nowrap; }
.capas-dash .list td.c-actions { min-width: 160px; }
.capas-dash .list td.c-actions button { min-height: 28px; padding: 1px 8px; font-size: 13px; margin: 1px 3px 1px 0; white-space: nowrap; }
.capas-dash .list > p { position: sticky; left: 0; width: fit-content; }
.capas-dash pre.said { white-space: pre-wrap; word-break: normal; overflow-wrap: anywhere; }
.capas-dash .list tr.chosen td { background: var(--capas-container-fill); }
.capas-dash button.link { border: 0; background: none; padding: 0 2px; text-align: left; text-decoration: underline; color: inherit; }
.capas-dash button.sure { background: var(--capas-error); border-color: var(--capas-error); color: var(--capas-error-on); }
.capas-dash .foreign { display: block; font-size: 12px; color: var(--capas-muted); }
.capas-dash td.cpu .both { display: flex; gap: 4px; align-items: center; justify-content: space-between; white-space: nowrap; min-width: 104px; }
.capas-dash td.memory span, .capas-dash td.ports span { white-space: nowrap; }
.capas-dash button.link.mono { font-size: 13px; min-height: 28px; }
.capas-dash svg.spark { display: block; } .capas-dash svg.spark polyline { fill: none; stroke: var(--capas-container-text); stroke-width: 1.5; }
.capas-dash .said { min-height: 64px; margin: 8px 0; }
.capas-dash .two { display: grid; grid-template-columns: minmax(0, 3fr) minmax(0, 2fr); gap: 14px; }
@container (max-width: 620px) {
  .capas-dash .two { grid-template-columns: minmax(0, 1fr); }
  .capas-dash .c-image, .capas-dash .c-ports { display: none; } /* the details tell them */
  .capas-dash .containers table, .capas-dash .containers tbody { display: block; }
  .capas-dash .containers thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  .capas-dash .containers tr { display: flex; flex-wrap: wrap; align-items: center; border-bottom: 1px solid var(--capas-edge); }
  .capas-dash .containers tr.chosen { background: var(--capas-container-fill); }
  .capas-dash .containers td { border: 0; }
  .capas-dash .containers td.c-actions { flex-basis: 100%; }
}
.capas-dash pre.log { height: 200px; overflow: auto; font-size: 13px; }
.capas-dash .facts { height: 216px; overflow: auto; }
.capas-dash .facts th, .capas-dash .facts td { padding: 2px 8px; font-size: 13px; overflow-wrap: anywhere; }
.capas-dash .facts th { overflow-wrap: normal; width: 34%; }
.capas-dash .facts code, .capas-dash h5 code, .capas-dash .list code { font-size: 13px; }
.capas-dash h5 { overflow-wrap: anywhere; }
.capas-dash h5 { margin: 8px 0 2px; font-size: 15px; color: inherit; }
.capas-dash .runs { max-height: 120px; overflow: auto; margin: 0; padding-left: 26px; }
.capas-dash .runs .none { list-style: none; margin-left: -26px; }
`;

// As docker writes it: memory in powers of 1024, disk in powers of 1000.
function bytes(n, step, units) {
  let unit = 0;
  for (; n >= step && unit < units.length - 1; unit++) n /= step;
  return `${n >= 100 || unit === 0 ? n.toFixed(0) : n.toFixed(1)} ${units[unit]}`;
}
const memory = (n) => bytes(n, 1024, ["B", "KiB", "MiB", "GiB", "TiB"]);
const disk = (n) => bytes(n, 1000, ["B", "kB", "MB", "GB", "TB"]);

let instances = 0;

function render({ model, el }) {
  const words = model.get("words");
  const me = `capas-dash-${instances++}-${Math.random().toString(36).slice(2, 8)}`;
  const rows = Object.fromEntries(KINDS.map((kind) => [kind, new Map()]));
  const usage = new Map(); // id → the last measurements
  const drawn = new Map(); // id → its row in the table, and what it was drawn from
  let tab = "containers", chosen = "", known = false;
  const root = make("div", { className: "capas capas-dash" });
  el.append(make("style", { textContent: STYLE }), root);
  const send = (message) => model.send({ ...message, view: me });

  // --- the frame ---
  const engine = make("p", { className: "error", hidden: true });
  engine.setAttribute("role", "alert");
  const tabs = make("div");
  tabs.setAttribute("role", "tablist");
  tabs.setAttribute("aria-label", words.title);
  for (const kind of KINDS) {
    const one = make("button", { type: "button", id: `${me}-${kind}`, textContent: words[kind] });
    one.setAttribute("role", "tab");
    one.setAttribute("aria-controls", `${me}-list`);
    one.onclick = () => turn(kind);
    one.onkeydown = (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      const to = KINDS[(KINDS.indexOf(tab) + step + KINDS.length) % KINDS.length];
      turn(to);
      tabs.children[KINDS.indexOf(to)].focus();
    };
    tabs.append(one);
  }
  const filter = make("input", { type: "text", value: model.get("only"), spellcheck: false });
  filter.oninput = () => table();
  const others = make("input", { type: "checkbox", checked: model.get("others") });
  others.onchange = () => {
    model.set("others", others.checked);
    model.save_changes();
    drawn.clear();
    table();
  };
  const bar = make("div", { className: "row bar" },
    make("label", {}, `${words.filter} `, filter),
    make("label", {}, others, ` ${words.others}`));
  const list = make("div", { className: "list", id: `${me}-list`, tabIndex: 0 });
  list.setAttribute("role", "tabpanel");
  const said = make("pre", { className: "terminal said" });
  const log = make("pre", { className: "terminal log", tabIndex: 0, textContent: "" });
  const logTitle = make("h5"), factsTitle = make("h5");
  const facts = make("div", { className: "facts", tabIndex: 0 });
  const runs = make("ol", { className: "runs", tabIndex: 0 });
  runs.setAttribute("aria-live", "polite");
  runs.setAttribute("aria-label", words.history);
  root.append(make("h4", { textContent: words.title }), engine, tabs, bar, list, said,
    make("div", { className: "two" }, make("div", {}, logTitle, log), make("div", {}, factsTitle, facts)),
    make("h5", { textContent: words.history }), runs);

  // --- the command of what is pointed at ---
  function say(label, command) {
    if (command) return said.replaceChildren(`${label}\n`, make("strong", { textContent: `$ ${command}` }));
    const lines = [`${words.list} $ ${LISTS[tab]}`];
    if (tab === "containers") lines.push(`${words.figures} $ docker stats`);
    said.textContent = [...lines, words.hint].join("\n");
  }
  function tells(element, command) {
    element.title = command;
    element.onmouseenter = element.onfocus = () => say(words.button, command);
    element.onmouseleave = element.onblur = () => say();
    return element;
  }

  // --- the table ---
  function spark(points) {
    const top = Math.max(100, ...points);
    const line = points.map((p, n) => `${((n + POINTS - points.length) * 70) / (POINTS - 1)},${(17 - (p / top) * 16).toFixed(1)}`);
    const svg = `<svg class="spark" width="52" height="18" viewBox="0 0 70 18" preserveAspectRatio="none" aria-hidden="true"><polyline points="${line.join(" ")}"/></svg>`;
    return make("span", { innerHTML: svg, title: words.history_cpu });
  }
  function buttons(row) {
    return row.acts.map(({ act, command }) => {
      const name = act.replace("-running", "");
      const button = make("button", { type: "button", textContent: words[name] });
      button.setAttribute("aria-label", `${words[name]} ${row.name}: ${command}`);
      button.dataset.act = name;
      const allowed = row.ours || others.checked;
      button.setAttribute("aria-disabled", String(!allowed));
      if (!allowed) button.style.opacity = ".45";
      tells(button, command);
      let sure = false;
      button.addEventListener("blur", () => {
        sure = false;
        button.textContent = words[name];
        button.classList.remove("sure");
      });
      button.onclick = () => {
        if (!(row.ours || others.checked)) return say(words.refused, command);
        if (name === "remove" && !sure) { // twice: it cannot be taken back
          sure = true;
          button.focus();
          button.textContent = words.confirm;
          button.classList.add("sure");
          return;
        }
        send({ type: "act", kind: tab, act, name: row.name });
      };
      return button;
    });
  }
  function cell(column, row) {
    const td = make("td", { role: "cell" });
    if (column === "name") {
      if (tab === "containers") {
        const link = make("button", { type: "button", className: "link mono", textContent: row.name });
        link.onclick = () => choose(row.id);
        link.style.whiteSpace = row.name.length < 18 ? "nowrap" : "";
        td.append(link);
      } else td.append(make("code", { textContent: row.name }));
      if (!row.ours) td.append(make("span", { className: "foreign", textContent: words.foreign }));
    } else if (column === "state") {
      td.className = "state";
      const code = row.exit === null ? "" : ` (${row.exit})`;
      td.textContent = `${SIGNS[row.state] ?? "?"} ${row.state}${code}${row.health ? `, ${row.health}` : ""}`;
    } else if (column === "cpu" || column === "memory") td.className = `num ${column}`;
    else if (column === "size") td.textContent = disk(row.size);
    else if (column === "ports" && row.ports.length) { // broken after the address, not in a number
      td.className = "ports";
      td.append(...row.ports.flatMap((port) => {
        const at = port.lastIndexOf(":") + 1;
        return [make("span", { textContent: port.slice(0, at) }), make("wbr"), make("span", { textContent: port.slice(at) }), " "];
      }));
    } else if (column === "used" || column === "ports" || column === "subnet") td.textContent = row[column].join(", ") || "–";
    else if (column === "actions") td.append(...buttons(row));
    else td.textContent = row[column];
    td.classList.add(`c-${column}`);
    return td;
  }
  function figures(id) {
    const tr = drawn.get(id)?.tr;
    const cpu = tr?.querySelector(".cpu");
    if (!cpu) return;
    const past = usage.get(id) ?? [];
    const last = past[past.length - 1];
    cpu.replaceChildren(last
      ? make("div", { className: "both" }, `${last[0].toFixed(1)} %`, spark(past.map((p) => p[0])))
      : "–");
    const parts = last ? [memory(last[1]), `/ ${memory(last[2])}`] : ["–"];
    tr.querySelector(".memory").replaceChildren(...parts.flatMap((part) => [make("span", { textContent: part }), " "]));
  }
  let body = null;
  function table(anew = false) {
    const names = filter.value.trim();
    const shown = [...rows[tab].values()]
      .filter((row) => row.name.replaceAll("/", "-").startsWith(names.replaceAll("/", "-")))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const [n, kind] of KINDS.entries()) tabs.children[n].textContent = `${words[kind]} (${rows[kind].size})`;
    if (anew || !body) {
      drawn.clear();
      body = make("tbody", { role: "rowgroup" }); // roles: a narrow table is laid out as no table
      const head = COLUMNS[tab].map((c) => {
        const th = make("th", { textContent: c === "cpu" ? "CPU" : words[c], className: `c-${c}`, role: "columnheader" });
        th.scope = "col";
        return th;
      });
      list.replaceChildren(make("table", { role: "table" },
        make("thead", { role: "rowgroup" }, make("tr", { role: "row" }, ...head)), body),
        make("p", { className: "muted" }));
    }
    const focused = root.contains(document.activeElement) ? document.activeElement : null;
    const place = focused?.closest?.("tr")?.dataset?.id;
    const act = place ? focused.dataset.act : undefined;
    const wanted = shown.map((row) => {
      const text = JSON.stringify(row);
      let have = drawn.get(row.id);
      if (!have || have.text !== text) {
        const tr = make("tr", { role: "row" }, ...COLUMNS[tab].map((column) => cell(column, row)));
        tr.dataset.id = row.id;
        drawn.set(row.id, (have = { text, tr }));
        figures(row.id);
      }
      have.tr.classList.toggle("chosen", row.id === chosen);
      return have.tr;
    });
    if (wanted.length !== body.children.length || wanted.some((tr, n) => body.children[n] !== tr)) {
      body.replaceChildren(...wanted);
      if (place && drawn.has(place)) { // back to the same button, or to the one that undoes it
        const button = (name) => drawn.get(place).tr.querySelector(name ? `button[data-act="${name}"]` : "button");
        (button(act) ?? (act && button(BACK[act])) ?? button())?.focus();
      }
      else if (place) list.focus();
    }
    const hidden = rows[tab].size - shown.length;
    list.lastChild.textContent = hidden ? fill(words.hidden, { n: hidden })
      : shown.length ? "" : known ? words.none : words.waiting;
  }
  function turn(kind) {
    tab = kind;
    for (const [n, one] of KINDS.entries()) {
      tabs.children[n].setAttribute("aria-selected", String(one === kind));
      tabs.children[n].tabIndex = one === kind ? 0 : -1;
    }
    list.className = `list ${kind}`;
    list.setAttribute("aria-labelledby", `${me}-${kind}`);
    table(true);
    say();
  }
  function choose(id) {
    chosen = id;
    const name = rows.containers.get(id)?.name ?? "";
    logTitle.replaceChildren(name ? fill(words.log, { name }) + ": " : "", make("code", { textContent: name ? `docker logs --tail 200 --follow ${name}` : "" }));
    factsTitle.replaceChildren(name ? fill(words.details, { name }) + ": " : "", make("code", { textContent: name ? `docker inspect ${name}` : "" }));
    log.textContent = name ? words.empty : words.choose;
    log.setAttribute("aria-label", fill(words.log, { name }));
    facts.replaceChildren();
    table();
    if (id) send({ type: "choose", id });
  }

  // --- what Python tells ---
  let due = 0;
  const soon = () => { due ||= requestAnimationFrame(() => { due = 0; table(); }); };
  const lines = [];
  function hear(message) {
    if (message.type === "engine") {
      engine.hidden = message.up;
      engine.textContent = message.text;
    } else if (message.type === "rows") {
      known = true;
      for (const row of message.put) rows[message.kind].set(row.id, row);
      for (const id of message.gone) {
        rows[message.kind].delete(id);
        drawn.delete(id);
      }
      if (message.gone.includes(chosen)) choose("");
      soon();
    } else if (message.type === "past") {
      for (const [id, past] of Object.entries(message.of)) usage.set(id, past);
      soon();
    } else if (message.type === "usage") {
      for (const id of [...usage.keys()]) if (!(id in message.of)) { usage.delete(id); figures(id); }
      for (const [id, now] of Object.entries(message.of)) {
        usage.set(id, [...(usage.get(id) ?? []), now].slice(-POINTS));
        figures(id);
      }
    } else if (message.type === "details") {
      if (message.id !== chosen) return;
      facts.replaceChildren(make("table", {}, make("tbody", {}, ...message.facts.map(([name, value]) =>
        make("tr", {}, make("th", { textContent: name, scope: "row" }), make("td", {}, make("code", { textContent: value })))))));
    } else if (message.type === "log") {
      if (message.id !== chosen) return;
      if (message.anew) lines.length = 0;
      lines.push(...message.lines);
      lines.splice(0, lines.length - 200);
      const atEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 8;
      log.textContent = lines.length ? lines.join("\n") : words.empty;
      if (atEnd || message.anew) log.scrollTop = log.scrollHeight;
    } else if (message.type === "history") {
      runs.replaceChildren(...message.runs.map((run) => {
        const state = { ok: "ok", error: "error" }[run.state] ?? "muted";
        const item = make("li", {}, make("code", { className: state, textContent: run.command }));
        if (run.complaint) item.append(make("div", { className: "muted", textContent: run.complaint }));
        return item;
      }));
      if (!message.runs.length) runs.replaceChildren(make("li", { className: "muted none", textContent: words.nothing }));
      runs.scrollTop = runs.scrollHeight;
    }
  }
  model.on("msg:custom", hear);
  turn("containers");
  choose("");
  hear({ type: "history", runs: [] });
  send({ type: "hello" });
  const alive = setInterval(() => send({ type: "here", id: chosen }), 20000);
  return () => {
    clearInterval(alive);
    model.off("msg:custom", hear);
    send({ type: "bye" });
  };
}

export default { render: apart(render) };
