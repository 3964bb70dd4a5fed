// A terminal for a virtual machine: the kernel runs what is typed, this only shows it.

const STYLE = `
.capas-console .screen { height: 300px; overflow: auto; margin: 8px 0; padding: 12px 16px; border-radius: 8px;
  background: var(--capas-terminal); color: var(--capas-terminal-ink); white-space: pre-wrap; overflow-wrap: anywhere; }
.capas-console .screen .typed { font-weight: 600; }
.capas-console .screen .prompt, .capas-console .screen .empty { color: var(--capas-terminal-muted); }
.capas-console .screen .failed::before { content: "✗ "; }
.capas-console .line { display: flex; gap: 10px; align-items: center; }
.capas-console .line input { flex: 1; min-width: 0; }
.capas-console .status { min-height: 1.5em; margin: 8px 0 0; }
`;

function render({ model, el }) {
  const words = model.get("words");
  const screen = make("div", { className: "screen mono", tabIndex: 0 });
  screen.setAttribute("role", "log");
  screen.setAttribute("aria-label", words.screen);
  const input = make("input", { type: "text", className: "mono", autocomplete: "off", spellcheck: false });
  input.setAttribute("aria-label", words.prompt);
  input.setAttribute("autocapitalize", "off");
  const run = make("button", { type: "button", textContent: words.run });
  const clear = make("button", { type: "button", textContent: words.clear });
  const start = make("button", { type: "button", textContent: words.start });
  const status = make("p", { className: "muted status" });
  status.setAttribute("role", "status");
  const line = make("div", { className: "line" }, make("span", { className: "mono", textContent: "guest #", ariaHidden: "true" }), input, run, clear, start);
  const root = make(
    "div",
    { className: "capas capas-console" },
    make("h4", { textContent: words.title }),
    screen,
    line,
    status,
  );
  el.append(make("style", { textContent: STYLE }), root);

  let back = 0; // how many commands before the newest the line shows
  let sent = false;
  const typed = () => model.get("entries").map((entry) => entry.command).filter(Boolean);

  function draw() {
    const entries = model.get("entries");
    const lines = entries.flatMap(({ command, output, failed }) => [
      ...(command
        ? [make("div", { className: "typed" }, make("span", { className: "prompt", textContent: "# " }), command)]
        : []),
      ...(output ? [make("div", { className: failed ? "failed" : "", textContent: output })] : []),
    ]);
    screen.replaceChildren(...(lines.length ? lines : [make("div", { className: "empty", textContent: "#" })]));
    screen.scrollTop = screen.scrollHeight;
  }
  function state() {
    const busy = model.get("busy") || sent;
    const on = model.get("running");
    run.disabled = busy || !on;
    start.disabled = busy || on;
    clear.disabled = busy || !model.get("entries").length;
    status.textContent = busy ? "…" : on ? words.hint : words.off;
  }
  function send(message) {
    sent = true;
    state();
    model.send(message);
  }

  function submit() {
    if (run.disabled || !input.value.trim()) return;
    send({ run: input.value });
    input.value = "";
    back = 0;
  }
  run.onclick = submit;
  clear.onclick = () => {
    send({ clear: true });
    input.focus();
  };
  start.onclick = () => send({ start: true });
  // Another cell may have stopped or started the guest.
  input.onfocus = () => model.send({ look: true });
  input.onkeydown = (event) => {
    if (event.key === "Enter") {
      event.preventDefault();
      submit();
    }
    if (event.key !== "ArrowUp" && event.key !== "ArrowDown") return;
    event.preventDefault();
    const history = typed();
    back = Math.max(0, Math.min(history.length, back + (event.key === "ArrowUp" ? 1 : -1)));
    input.value = back ? history[history.length - back] : "";
  };
  const onEntries = () => {
    draw();
    state();
  };
  const onBusy = () => {
    if (!model.get("busy")) sent = false;
    state();
    if (!model.get("busy") && root.contains(document.activeElement)) input.focus();
  };
  model.on("change:entries", onEntries);
  model.on("change:running", state);
  model.on("change:busy", onBusy);
  draw();
  state();
  return () => {
    model.off("change:entries", onEntries);
    model.off("change:running", state);
    model.off("change:busy", onBusy);
  };
}

export default { render: apart(render) };
