// The self-check of a lesson: one question below the other, feedback at once.

function shuffled(list) {
  const mixed = [...list];
  for (let i = mixed.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1));
    [mixed[i], mixed[j]] = [mixed[j], mixed[i]];
  }
  return mixed;
}

// Put text into an element; what stands between backquotes becomes code.
function write(element, text) {
  text.split("`").forEach((part, n) => {
    const node = n % 2 ? document.createElement("code") : document.createTextNode(part);
    if (n % 2) node.textContent = part;
    element.append(node);
  });
  return element;
}

const STYLE = `
.capas-quiz fieldset { border: 0; border-top: 1px solid var(--capas-edge); margin: 12px 0 0; padding: 10px 0 0; min-width: 0; }
.capas-quiz legend { font-size: 13px; color: var(--capas-muted); padding: 0 8px 0 0; }
.capas-quiz label { display: flex; gap: 10px; align-items: baseline; padding: 6px 10px; border-radius: 8px; cursor: pointer; }
.capas-quiz label:hover { background: var(--capas-card); }
.capas-quiz label.chosen { background: var(--capas-card); }
.capas-quiz .because { margin: 6px 10px; }
.capas-quiz input { accent-color: var(--capas-image); margin: 0; }
`;

let instances = 0;

function render({ model, el }) {
  const words = model.get("words");
  const name = `capas-quiz-${instances++}`;
  const root = make("div", { className: "capas capas-quiz" });
  el.append(make("style", { textContent: STYLE }), root);

  function draw() {
    const questions = model.get("questions");
    const score = make("p", { className: "muted" });
    score.setAttribute("role", "status");
    const count = () => {
      const answers = model.get("answers");
      const right = questions.filter((q, n) => q.options[answers[n]]?.right).length;
      score.textContent = fill(words.score, { n: right, all: questions.length });
    };
    const again = make("button", { textContent: words.again, type: "button" });
    again.onclick = () => {
      model.set("answers", {});
      model.save_changes();
      draw();
      root.querySelector("input")?.focus();
    };
    const fields = questions.map((question, number) => {
      const because = make("div", { className: "because" });
      because.setAttribute("role", "status");
      const show = (place, label) => {
        const option = question.options[place];
        fieldset.querySelectorAll("label").forEach((other) => other.classList.toggle("chosen", other === label));
        const verdict = make("strong", {
          className: option.right ? "ok" : "error",
          textContent: option.right ? words.right : words.wrong,
        });
        because.replaceChildren(verdict, " ", write(make("span"), option.because));
      };
      const options = shuffled(question.options.map((option, place) => place)).map((place) => {
        const input = make("input", { type: "radio", name: `${name}-${number}` });
        const label = make("label", {}, input, write(make("span"), question.options[place].text));
        input.checked = model.get("answers")[number] === place;
        input.onchange = () => {
          model.set("answers", { ...model.get("answers"), [number]: place });
          model.save_changes();
          show(place, label);
          count();
        };
        return [place, label];
      });
      const text = write(make("p"), question.text);
      text.id = `${name}-text-${number}`;
      const fieldset = make(
        "fieldset",
        {},
        make("legend", { textContent: fill(words.question, { n: number + 1, all: questions.length }) }),
        text,
        ...(question.code ? [make("pre", { textContent: question.code })] : []),
        ...options.map(([, label]) => label),
        because,
      );
      fieldset.setAttribute("aria-describedby", text.id);
      for (const [place, label] of options) if (label.querySelector("input").checked) show(place, label);
      return fieldset;
    });
    root.replaceChildren(
      make("h4", { textContent: words.title }),
      ...fields,
      make("div", { className: "row" }, score, again),
    );
    count();
  }
  draw();
}

export default { render: apart(render) };
