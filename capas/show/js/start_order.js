// A project's events, played at their own pace, or step by step.

const STYLE = `
.capas-startup .lane { display: grid; grid-template-columns: minmax(90px, 170px) 1fr 110px; gap: 12px; align-items: center; min-height: 40px; border-bottom: 1px solid var(--capas-edge); }
.capas-startup .lane > strong { overflow-wrap: anywhere; }
.capas-startup .track { position: relative; height: 30px; }
.capas-startup .track::before { content: ""; position: absolute; inset: 14px 0 auto; border-top: 1.5px solid var(--capas-edge); }
.capas-startup .bar { position: absolute; top: 6px; height: 18px; border-radius: 4px; border: 1.5px solid; min-width: 3px; }
.capas-startup .head { position: absolute; top: 0; bottom: 0; border-left: 2px solid var(--capas-ink); }
.capas-startup .controls { margin-top: 12px; }
.capas-startup .controls button { min-width: 44px; }
.capas-startup .play { min-width: 110px; }
.capas-startup input[type="range"] { flex: 1 1 160px; accent-color: var(--capas-image); min-width: 100px; }
.capas-startup .now { min-height: 1.5em; }
`;

function render({ model, el }) {
  const words = model.get("words");
  const root = make("div", { className: "capas capas-startup" });
  el.append(make("style", { textContent: STYLE }), root);
  let frame = 0;

  function draw() {
    cancelAnimationFrame(frame);
    const events = model.get("events");
    const lanes = model.get("lanes");
    if (!events.length) {
      root.replaceChildren(make("p", { textContent: words.none }));
      return;
    }
    const total = Math.max(events[events.length - 1].at, 0.1) * 1.03;
    const percent = (seconds) => `${((100 * seconds) / total).toFixed(2)}%`;
    const say = (seconds) => words.seconds.replace("{n}", seconds.toFixed(2).replace(".", words.point));
    let time = total; // all of it is seen first
    let playing = false;

    const rows = lanes.map((lane) => {
      const own = events.filter((event) => event.lane === lane);
      const track = make("div", { className: "track" });
      track.setAttribute("aria-hidden", "true");
      const bars = own.map((event, n) => {
        const bar = make("div", { className: "bar" });
        bar.style.left = percent(event.at);
        bar.style.background = `var(--capas-${event.role}-fill)`;
        bar.style.borderColor = `var(--capas-${event.role})`;
        if (event.what === "created") bar.style.borderStyle = "dashed";
        const gone = event.what === "ended" || event.what === "removed";
        const end = n + 1 < own.length ? own[n + 1].at : gone ? event.at : total;
        track.append(bar);
        return { event, bar, end };
      });
      const head = make("div", { className: "head" });
      const state = make("span", { className: "muted" });
      track.append(head);
      const row = make("div", { className: "lane" }, make("strong", { textContent: lane }), track, state);
      return { own, bars, head, state, row };
    });

    const now = make("p", { className: "now" });
    const slider = make("input", { type: "range", min: 0, max: events.length, step: 1 });
    slider.setAttribute("aria-label", words.place);
    const button = (text, label, act, className = "") => {
      const made = make("button", { type: "button", textContent: text, className });
      made.setAttribute("aria-label", label);
      made.title = label;
      made.onclick = act;
      return made;
    };
    const count = () => events.filter((event) => event.at <= time).length;
    const told = (n) => {
      if (!n) return words.begins;
      const event = events[n - 1];
      const code = event.code ? ` (${event.code})` : "";
      return `${say(event.at)}: ${event.lane} ${words[event.what]}${code}`;
    };

    function show() {
      const n = count();
      for (const { own, bars, head, state } of rows) {
        for (const { event, bar, end } of bars) {
          bar.hidden = event.at > time;
          bar.style.width = percent(Math.max(0, Math.min(end, time) - event.at));
        }
        head.style.left = percent(time);
        const last = own.filter((event) => event.at <= time).pop();
        state.textContent = last ? words[last.what] : words.nothing;
        state.style.color = last ? `var(--capas-${last.role}-text)` : "";
      }
      slider.value = n;
      slider.setAttribute("aria-valuetext", told(n));
      if (now.textContent !== told(n)) now.textContent = told(n);
    }
    // Before the first event is a moment, too: it stands at 0.
    const goTo = (n) => {
      pause();
      time = n <= 0 ? -0.001 : events[Math.min(n, events.length) - 1].at;
      if (n >= events.length) time = total;
      show();
    };
    function pause() {
      playing = false;
      cancelAnimationFrame(frame);
      play.textContent = `▶ ${words.play}`;
      play.setAttribute("aria-label", words.play);
      now.setAttribute("role", "status");
    }
    function start() {
      if (time >= total) time = -0.001;
      playing = true;
      play.textContent = `‖ ${words.pause}`;
      play.setAttribute("aria-label", words.pause);
      // As long as it took, but never longer than ten seconds, nor shorter than three.
      const speed = total / Math.min(10, Math.max(3, total));
      const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
      let before = performance.now();
      const tick = (at) => {
        if (!playing || !root.isConnected) return;
        const passed = (at - before) / 1000;
        if (!still || passed > 0.8) {
          const next = events[count()];
          time = still ? (next ? next.at : total) : time + passed * speed;
          before = at;
          time = Math.min(time, total);
          show();
        }
        if (time >= total) pause();
        else frame = requestAnimationFrame(tick);
      };
      frame = requestAnimationFrame(tick);
    }
    const play = button("", words.play, () => (playing ? pause() : start()), "play");
    slider.oninput = () => goTo(Number(slider.value));
    root.replaceChildren(
      make("h4", { textContent: words.title }),
      ...rows.map(({ row }) => row),
      make(
        "div",
        { className: "row controls" },
        play,
        button("◀", words.back, () => goTo(count() - 1)),
        button("▶|", words.on, () => goTo(count() + 1)),
        slider,
      ),
      now,
    );
    pause();
    show();
  }
  draw();
  model.on("change:events", draw);
  return () => {
    cancelAnimationFrame(frame);
    model.off("change:events", draw);
  };
}

export default { render: apart(render) };
