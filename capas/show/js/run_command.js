// A docker run command: choices make it, and each of its words explains itself.

const MONO = 'ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace';
const STYLE = `
.capas-run .choices { display: grid; grid-template-columns: repeat(auto-fill, minmax(200px, 1fr)); gap: 8px 16px; align-items: end; }
.capas-run .choices label { display: flex; flex-direction: column; font-size: 13.5px; gap: 2px; min-width: 0; }
.capas-run .choices label.tick { flex-direction: row; align-items: center; gap: 8px; min-height: 34px; cursor: pointer; font-size: 14px; }
.capas-run .choices input[type="text"], .capas-run .choices select { width: 100%; min-width: 0; font-size: 14px; }
.capas-run input[type="checkbox"] { accent-color: var(--capas-image); width: 16px; height: 16px; margin: 0; flex: none; }
.capas-run .terminal { background: var(--capas-terminal); color: var(--capas-terminal-ink); border-radius: 10px; padding: 12px 14px; margin: 14px 0 0;
  display: flex; flex-wrap: wrap; gap: 4px 2px; align-items: baseline; }
.capas-run .prompt { color: var(--capas-terminal-muted); font-family: ${MONO}; padding-right: 6px; }
.capas-run .terminal button { font-family: ${MONO}; font-size: 15px; background: none; border: 0; border-bottom: 3px solid transparent; border-radius: 3px;
  color: inherit; padding: 2px 5px; min-height: 0; overflow-wrap: anywhere; }
.capas-run .terminal button[data-part="option"], .capas-run .terminal button[data-part="value"] { border-bottom-color: #7ee1ee; }
.capas-run .terminal button[data-part="image"] { border-bottom-color: #78b3f9; }
.capas-run .terminal button[data-part="command"] { border-bottom-color: #facd5c; }
.capas-run .terminal button[data-part="wrong"] { border-bottom: 3px wavy #ff8a90; text-decoration: underline wavy #ff8a90; }
.capas-run .terminal button[aria-pressed="true"] { background: #ffffff26; }
.capas-run .terminal :focus-visible { outline-color: #78b3f9; }
.capas-run .meaning { min-height: 3.2em; margin: 8px 2px; }
.capas-run .remarks { list-style: none; margin: 4px 0; padding: 0; min-height: 3em; }
.capas-run .own { width: 100%; margin-top: 6px; font-family: ${MONO}; font-size: 14px; }
`;

function render({ model, el }) {
  const words = model.get("words");
  const root = make("div", { className: "capas capas-run" });
  el.append(make("style", { textContent: STYLE }), root);

  const controls = {};
  const choose = () => {
    const chosen = {};
    for (const [name, control] of Object.entries(controls)) {
      chosen[name] = control.type === "checkbox" ? control.checked : control.value.trim();
    }
    model.send({ do: "choose", chosen });
  };
  function labelled(name, control) {
    controls[name] = control;
    control[control.type === "text" ? "oninput" : "onchange"] = choose;
    if (control.type === "checkbox") return make("label", { className: "tick" }, control, words[name]);
    return make("label", {}, words[name], control);
  }
  const text = (name, placeholder = "") => labelled(name, make("input", { type: "text", placeholder, spellcheck: false, autocomplete: "off" }));
  const tick = (name) => labelled(name, make("input", { type: "checkbox" }));
  const select = (name, values) => labelled(name, make("select", {}, ...values.map((value) => {
    const [key, shown] = Array.isArray(value) ? value : [value, value || "–"];
    return make("option", { value: key, textContent: shown });
  })));
  const choices = make("div", { className: "choices" },
    select("image", words.images), text("name", "web"), text("host_port", "8080"), text("container_port", "80"),
    text("env", "NAME=value"), select("volume", words.volumes), select("memory", ["", "64m", "256m", "1g"]), select("cpus", ["", "0.5", "1", "1.5"]),
    select("restart", ["", "no", "on-failure:3", "unless-stopped", "always"]), text("user", "1000"), text("command", "sh"),
    tick("everywhere"), tick("detached"), tick("remove"), tick("interactive"), tick("read_only"));

  const line = make("div", { className: "terminal" });
  line.setAttribute("role", "toolbar");
  line.setAttribute("aria-label", words.line);
  const meaning = make("p", { className: "meaning" });
  meaning.setAttribute("role", "status");
  const remarks = make("ul", { className: "remarks" });
  const noticed = make("div", {}, remarks); // a list that is a status would be no list
  noticed.setAttribute("role", "status");
  const copy = make("button", { type: "button", textContent: words.copy });
  copy.onclick = async () => {
    try {
      await navigator.clipboard.writeText(model.get("command"));
    } catch {
      own.value = model.get("command");
      own.select();
      document.execCommand("copy");
    }
    copy.textContent = words.copied;
    setTimeout(() => { copy.textContent = words.copy; }, 1500);
  };
  const own = make("input", { type: "text", className: "own", spellcheck: false, autocomplete: "off" });
  own.oninput = () => model.send({ do: "read", command: own.value });

  root.append(
    make("h4", { textContent: words.title }),
    choices,
    line,
    meaning,
    noticed,
    make("div", { className: "row" }, copy),
    make("label", { style: "display: block; margin-top: 10px" }, words.own, own),
  );

  let at = -1;
  let buttons = [];
  function point(n) {
    const parts = model.get("parts");
    at = n;
    buttons.forEach((button, m) => {
      button.tabIndex = m === Math.max(0, at) ? 0 : -1;
      button.setAttribute("aria-pressed", String(m === at));
    });
    meaning.replaceChildren();
    const part = parts[at];
    if (!part) { meaning.append(make("span", { className: "muted", textContent: words.hint })); return; }
    meaning.append(make("code", { textContent: part.text }), ` · ${words.parts[part.part]}`, make("br"), part.meaning);
  }
  function draw() {
    const parts = model.get("parts");
    const chosen = model.get("chosen");
    for (const [name, control] of Object.entries(controls)) {
      if (document.activeElement === control) continue;
      if (control.type === "checkbox") control.checked = chosen[name]; else control.value = chosen[name];
    }
    if (document.activeElement !== own) own.value = model.get("command");
    const held = buttons.indexOf(document.activeElement);
    buttons = parts.map((part, n) => {
      const button = make("button", { type: "button", textContent: part.text });
      button.dataset.part = part.part;
      button.onfocus = button.onmouseenter = button.onclick = () => point(n);
      button.onkeydown = (event) => {
        const to = { ArrowLeft: n - 1, ArrowRight: n + 1, Home: 0, End: buttons.length - 1 }[event.key];
        if (to === undefined) return;
        event.preventDefault();
        buttons[Math.min(Math.max(to, 0), buttons.length - 1)].focus();
      };
      return button;
    });
    const prompt = make("span", { className: "prompt", textContent: "$" });
    prompt.setAttribute("aria-hidden", "true");
    line.replaceChildren(prompt, ...buttons);
    point(Math.min(at, parts.length - 1));
    if (held >= 0) buttons[Math.min(held, buttons.length - 1)]?.focus();
    remarks.replaceChildren(...model.get("remarks").map((remark) => make("li", { className: remark.level, textContent: remark.text })));
  }
  let waiting = false;
  const later = () => {
    if (waiting) return;
    waiting = true;
    queueMicrotask(() => { waiting = false; draw(); });
  };
  const names = ["parts", "remarks", "command", "chosen"];
  for (const name of names) model.on(`change:${name}`, later);
  draw();
  return () => { for (const name of names) model.off(`change:${name}`, later); };
}

export default { render: apart(render) };
