// Virtual machines beside containers: layers that can be counted and taken away.

const STYLE = `
.capas-stacks .sides { display: grid; grid-template-columns: 1fr 1fr; gap: 24px; margin: 12px 0; }
@container (max-width: 680px) { .capas-stacks .sides { grid-template-columns: 1fr; } }
.capas-stacks-frame { container-type: inline-size; }
.capas-stacks .side { display: flex; flex-direction: column; min-width: 0; }
.capas-stacks .pile { display: flex; flex-direction: column-reverse; gap: 5px; height: 366px; }
.capas-stacks button.layer { display: flex; gap: 5px; padding: 0; border: 0; background: none; height: 41px; min-height: 0; width: 100%; }
.capas-stacks .layer span { flex: 1 1 0; min-width: 0; display: flex; align-items: center; justify-content: center; text-align: center; font-size: 14px; line-height: 1.1; font-weight: 600; border-radius: 8px; border: 2px solid; padding: 2px 4px; overflow: hidden; color: var(--capas-ink); }
.capas-stacks .layer:hover span { filter: brightness(1.04); box-shadow: inset 0 0 0 1px var(--capas-ink); }
.capas-stacks .layer[aria-pressed="true"] span { background: none !important; border-style: dashed; color: var(--capas-muted) !important; text-decoration: line-through; }
.capas-stacks .verdict { min-height: 68px; margin: 10px 0 0; }
.capas-stacks td, .capas-stacks th { width: 33%; }
.capas-stacks label { display: inline-flex; gap: 8px; align-items: center; }
.capas-stacks input { accent-color: var(--capas-image); }
`;

const KERNELS = ["host", "guest"];

function render({ model, el }) {
  const words = model.get("words");
  const root = make("div", { className: "capas capas-stacks" });
  el.append(make("style", { textContent: STYLE }), make("div", { className: "capas-stacks-frame" }, root));
  const set = (name, value) => {
    model.set(name, value);
    model.save_changes();
  };

  const apps = make("select");
  for (let n = 1; n <= 4; n++) apps.append(make("option", { value: n, textContent: n }));
  apps.onchange = () => set("apps", Number(apps.value));
  const host = make("select");
  for (const name of ["linux", "other"]) host.append(make("option", { value: name, textContent: words[name] }));
  host.onchange = () => set("host", host.value);
  const shared = make("input", { type: "checkbox" });
  shared.onchange = () => set("shared", shared.checked);
  const back = make("button", { type: "button", textContent: words.back });
  back.onclick = () => set("away", "");

  const sides = {};
  for (const name of ["vm", "docker"]) {
    const title = make("strong");
    const pile = make("div", { className: "pile" });
    pile.setAttribute("role", "group");
    const verdict = make("p", { className: "verdict" });
    verdict.setAttribute("role", "status");
    sides[name] = { title, pile, verdict, box: make("div", { className: "side" }, title, pile, verdict) };
  }
  const table = make("table");

  function layer(row) {
    const button = make("button", { type: "button", className: "layer" });
    const away = model.get("away") === row.id;
    button.dataset.layer = row.id;
    button.setAttribute("aria-pressed", String(away));
    button.setAttribute("aria-label", `${row.count} × ${row.name}${away ? `, ${words.away}` : ""}`);
    const solid = KERNELS.includes(row.id);
    for (let n = 0; n < row.count; n++) {
      const box = make("span", { textContent: row.name });
      box.style.borderColor = `var(--capas-${row.role})`;
      box.style.background = `var(--capas-${row.role}${solid ? "" : "-fill"})`;
      if (solid) box.style.color = `var(--capas-${row.role}-on)`;
      button.append(box);
    }
    button.onclick = () => set("away", away ? "" : row.id);
    return button;
  }

  function draw() {
    const view = model.get("view");
    const active = document.activeElement;
    const kept = root.contains(active) && active.dataset.layer
      ? [active.dataset.layer, active.closest(".side") === sides.vm.box ? "vm" : "docker"]
      : null;
    apps.value = model.get("apps");
    host.value = model.get("host");
    shared.checked = model.get("shared");
    back.disabled = !model.get("away");
    for (const [name, side] of Object.entries(sides)) {
      side.title.textContent = view[name].title;
      side.pile.setAttribute("aria-label", view[name].title);
      side.pile.replaceChildren(...view[name].rows.map(layer));
      side.verdict.className = `verdict ${view[name].state}`;
      if (side.verdict.textContent !== view[name].verdict) side.verdict.textContent = view[name].verdict;
    }
    const heads = ["", view.vm.title, view.docker.title].map((text) => {
      const head = make("th", { textContent: text });
      if (text) head.scope = "col";
      return head;
    });
    table.replaceChildren(
      make("thead", {}, make("tr", {}, ...heads)),
      make(
        "tbody",
        {},
        ...["kernels", "files", "all"].map((name) =>
          make(
            "tr",
            {},
            make("th", { scope: "row", textContent: words[name] }),
            make("td", { textContent: view.vm[name] }),
            make("td", { textContent: view.docker[name] }),
          ),
        ),
      ),
    );
    if (kept) sides[kept[1]].pile.querySelector(`[data-layer="${kept[0]}"]`)?.focus();
  }

  root.append(
    make("h4", { textContent: words.title }),
    make(
      "div",
      { className: "row" },
      make("label", {}, words.apps, apps),
      make("label", {}, words.host, host),
      make("label", {}, shared, words.shared),
      back,
    ),
    make("p", { className: "muted", textContent: words.hint }),
    make("div", { className: "sides" }, sides.vm.box, sides.docker.box),
    table,
  );
  model.on("change:view", draw);
  draw();
  return () => model.off("change:view", draw);
}

export default { render: apart(render) };
