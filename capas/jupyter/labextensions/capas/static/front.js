// The front page of the course in JupyterLab, and the ways back to it: a menu, the command
// palette, a card in the launcher, a button in each notebook's toolbar; beside it, one that
// clears the stored outputs.
//
// A prebuilt extension of JupyterLab 4, written by hand, with nothing to compile. JupyterLab
// loads this script and expects a container of module federation in window._JUPYTERLAB: init()
// is given what JupyterLab shares (its own modules, by name and version), get() answers a
// factory of the plugin. What the page says comes from /capas/api (capas/front/handlers.py).
// https://jupyterlab.readthedocs.io/en/stable/extension/extension_dev.html#prebuilt-extensions
// https://webpack.js.org/concepts/module-federation/#dynamic-remote-containers

(() => {
  const OPEN = "capas:contents";
  const SPEAK = "capas:language";
  const CLEAR = "capas:clear-outputs";
  const SOON = 2000;
  const LATER = 15000; // ms until the engine is asked again

  const ICON = `<svg xmlns="http://www.w3.org/2000/svg" width="16" height="16" viewBox="0 0 24 24">
    <g class="jp-icon3" fill="#5c85d6">
      <path d="M12 2 2 7.2l10 5.2 10-5.2z"/>
      <path d="m4.3 10.9-2.3 1.2 10 5.2 10-5.2-2.3-1.2-7.7 4z"/>
      <path d="m4.3 15.6-2.3 1.2L12 22l10-5.2-2.3-1.2-7.7 4z"/>
    </g></svg>`;

  const STYLE = `
.capas-front { overflow: auto; background: var(--jp-layout-color1); color: var(--jp-ui-font-color0);
  font: 15px/1.45 var(--jp-ui-font-family); outline: none; }
.capas-front-page { max-width: 1080px; margin: 0 auto; padding: 20px 32px 28px; }
.capas-front header { display: flex; flex-wrap: wrap; gap: 8px 24px; align-items: flex-start; }
.capas-front header > div:first-child { flex: 1 1 420px; }
.capas-front h1 { font-size: 26px; line-height: 1.2; margin: 0 0 2px; font-weight: 600; }
.capas-front h2 { font-size: 18px; margin: 0; font-weight: 600; }
.capas-front p { margin: 0; }
.capas-front .quiet { color: var(--jp-ui-font-color1); font-size: 13.5px; }
.capas-front .languages { display: flex; gap: 6px; }
.capas-front button { font: inherit; color: inherit; background: var(--jp-layout-color1);
  border: 1px solid var(--jp-border-color0); border-radius: 6px; padding: 4px 12px; min-height: 32px;
  cursor: pointer; }
.capas-front button[aria-pressed="true"] { background: var(--jp-layout-color3); font-weight: 600; }
.capas-front .now { display: flex; flex-wrap: wrap; gap: 12px 20px; align-items: center;
  margin: 16px 0 20px; }
.capas-front a { color: var(--jp-content-link-color, var(--jp-brand-color1)); }
.capas-front a.next { background: var(--jp-inverse-layout-color2); color: var(--jp-ui-inverse-font-color0);
  text-decoration: none; font-weight: 600; border-radius: 6px; padding: 8px 18px; }
.capas-front a.next:hover { background: var(--jp-inverse-layout-color1); }
.capas-front .engine::before { content: "✓"; font-weight: 700; margin-right: 8px; }
.capas-front .engine[data-state="starting"]::before { content: "…"; }
.capas-front .engine[data-state="none"]::before { content: "!"; }
.capas-front .engine { flex: 1 1 320px; }
.capas-front section { margin: 0 0 22px; }
.capas-front .head { display: flex; flex-wrap: wrap; gap: 2px 16px; align-items: baseline;
  border-bottom: 1px solid var(--jp-border-color1); padding-bottom: 6px; margin-bottom: 6px; }
.capas-front ol { list-style: none; margin: 0; padding: 0; column-gap: 36px; columns: 2 380px; }
.capas-front li { display: flex; gap: 12px; align-items: baseline; break-inside: avoid;
  border-radius: 6px; padding: 5px 8px; }
.capas-front li:hover { background: var(--jp-layout-color2); }
.capas-front li[aria-current] { background: var(--jp-layout-color2); }
.capas-front li .number { flex: 0 0 1.6em; text-align: right; color: var(--jp-ui-font-color1);
  font-variant-numeric: tabular-nums; }
.capas-front li .what { flex: 1; min-width: 0; }
.capas-front li .what > a { color: inherit; font-weight: 500; text-decoration: none; }
.capas-front li .what > a:hover { text-decoration: underline; }
.capas-front li .quiet { display: block; }
.capas-front li .mark { flex: 0 0 1.2em; font-weight: 700; }
.capas-front :focus-visible { outline: 3px solid var(--jp-brand-color1); outline-offset: 2px; }
.capas-front footer { border-top: 1px solid var(--jp-border-color2); padding-top: 10px; }
`;

  let scope; // what JupyterLab shares: name → version → { get, loaded }

  // Return a module of JupyterLab's own: what is loaded is what it runs on.
  async function shared(name) {
    const versions = Object.values(scope[name] || {});
    const found = versions.find((one) => one.loaded) || versions[0];
    if (!found) throw new Error(`JupyterLab shares no ${name}`);
    return (await found.get())();
  }

  // Make an element; attributes of null are left out.
  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else if (value !== null && value !== undefined) element.setAttribute(name, value);
    }
    element.append(...children.filter((child) => child !== null && child !== undefined));
    return element;
  }

  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (_all, name) => values[name]);

  async function plugins() {
    const [application, apputils, services, coreutils, ui, widgets, launcher, menus, browsers] =
      await Promise.all(
        [
          "@jupyterlab/application",
          "@jupyterlab/apputils",
          "@jupyterlab/services",
          "@jupyterlab/coreutils",
          "@jupyterlab/ui-components",
          "@lumino/widgets",
          "@jupyterlab/launcher",
          "@jupyterlab/mainmenu",
          "@jupyterlab/filebrowser",
        ].map(shared),
      );
    const { ServerConnection } = services;
    const { URLExt } = coreutils;
    const icon = new ui.LabIcon({ name: "capas:layers", svgstr: ICON });
    const settings = ServerConnection.makeSettings();

    // Ask our part of the server; what is not an answer is an error.
    async function ask(name, body) {
      const url = URLExt.join(settings.baseUrl, "capas/api", name);
      const init = body ? { method: "POST", body: JSON.stringify(body) } : {};
      const answer = await ServerConnection.makeRequest(url, init, settings);
      if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}`);
      return answer.json();
    }

    // What the course is, in the language; everybody who shows something of it listens.
    class Course {
      constructor(contents) {
        this.contents = contents;
        this.listeners = [];
      }
      get words() {
        return this.contents.words;
      }
      take(contents) {
        if (JSON.stringify(contents) === JSON.stringify(this.contents)) return;
        this.contents = contents;
        this.listeners.forEach((listener) => listener());
      }
      async refresh() {
        this.take(await ask("contents"));
      }
      async speak(language) {
        this.take(await ask("language", { language }));
      }
    }

    class Page extends widgets.Widget {
      constructor(app, course) {
        super();
        this.app = app;
        this.course = course;
        this.addClass("capas-front");
        this.node.tabIndex = -1;
        this.engine = make("p", { class: "engine", role: "status" });
        this.page = make("div", { class: "capas-front-page" });
        this.node.append(make("style", {}, STYLE), this.page);
        this.redraw = () => {
          const before = this.node.lang;
          this.draw();
          if (this.node.lang !== before) this.look(); // the engine's line in this language
        };
        course.listeners.push(this.redraw);
        this.visible = () => this.look();
        document.addEventListener("visibilitychange", this.visible);
        this.draw();
      }

      dispose() {
        if (this.isDisposed) return;
        clearTimeout(this.timer);
        document.removeEventListener("visibilitychange", this.visible);
        this.course.listeners = this.course.listeners.filter((one) => one !== this.redraw);
        super.dispose();
      }

      onAfterShow(message) {
        super.onAfterShow(message);
        this.look();
      }

      onAfterAttach(message) {
        super.onAfterAttach(message);
        this.look();
      }

      onActivateRequest() {
        // Tab then goes to the page's first link or button.
        if (!this.node.contains(document.activeElement)) this.node.focus({ preventScroll: true });
      }

      // Ask how far one is and how the engine does: now, and again while the page is seen.
      async look() {
        clearTimeout(this.timer);
        if (this.isDisposed || !this.isVisible || document.hidden) return;
        const turn = (this.turn = (this.turn || 0) + 1);
        let soon = true;
        try {
          const [, engine] = await Promise.all([this.course.refresh(), ask("engine")]);
          this.say(engine.state, engine.line);
          soon = engine.busy;
        } catch (error) {
          this.say("none", this.course.words.offline);
        }
        if (turn !== this.turn || this.isDisposed) return;
        clearTimeout(this.timer);
        this.timer = setTimeout(() => this.look(), soon ? SOON : LATER);
      }

      // Screen readers are told of a line that changes, and of that only.
      say(state, line) {
        this.engine.dataset.state = state;
        if (this.engine.textContent !== line) this.engine.textContent = line;
      }

      // A link to a notebook: opens here; with Ctrl, Shift or the middle button as links do.
      link(one, attributes, ...children) {
        const path = one.path.split("/").map(encodeURIComponent).join("/");
        return make(
          "a",
          {
            href: URLExt.join(settings.baseUrl, "lab/tree", path),
            onclick: (event) => {
              if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
              event.preventDefault();
              this.app.commands.execute("docmanager:open", { path: one.path });
            },
            ...attributes,
          },
          ...children,
        );
      }

      draw() {
        const { words, languages, language, lessons, labs } = this.course.contents;
        const focused = this.page.contains(document.activeElement) && document.activeElement;
        const place = focused && focused.dataset.place;
        this.node.lang = language;
        const started = lessons.some((one) => one.state);
        const next =
          lessons.find((one) => one.state === "begun") || lessons.find((one) => !one.state);
        const name = (one) => `${one.number} · ${one.title}`;
        const switcher = make(
          "div",
          { class: "languages", role: "group", "aria-label": words.language },
          ...languages.map((one) =>
            make(
              "button",
              {
                type: "button",
                lang: one.id,
                "aria-pressed": String(one.id === language),
                "data-place": `language ${one.id}`,
                onclick: () => this.app.commands.execute(SPEAK, { language: one.id }),
              },
              one.name,
            ),
          ),
        );
        const item = (one) =>
          make(
            "li",
            { "aria-current": one === next ? "step" : null },
            make("span", { class: "number", "aria-hidden": "true" }, String(one.number)),
            make(
              "div",
              { class: "what" },
              this.link(one, { "data-place": one.path }, one.title),
              make(
                "span",
                { class: "quiet" },
                [
                  fill(words.minutes, { n: one.minutes }),
                  Number.isInteger(one.after) ? fill(words.after, { n: one.after }) : null,
                  one.state ? words[one.state] : null,
                  one.state === "begun" && one.checks
                    ? fill(words.checks, { n: one.checks[0], all: one.checks[1] })
                    : null,
                ]
                  .filter(Boolean)
                  .join(" · "),
                one.slides ? " · " : null,
                one.slides
                  ? make(
                      "a",
                      {
                        href: URLExt.join(settings.baseUrl, one.slides),
                        target: "_blank",
                        rel: "noopener",
                        "aria-label": fill(words["slides of"], { title: name(one) }),
                        "data-place": `slides ${one.path}`,
                      },
                      words.slides,
                    )
                  : null,
              ),
            ),
            make(
              "span",
              { class: "mark", "aria-hidden": "true" },
              { studied: "✓", done: "✓", begun: "…" }[one.state] || "",
            ),
          );
        const list = (id, heading, all, complete, sofar) =>
          make(
            "section",
            { "aria-labelledby": `capas-front-${id}` },
            make(
              "div",
              { class: "head" },
              make("h2", { id: `capas-front-${id}` }, heading),
              complete
                ? make("p", { class: "quiet" }, fill(sofar, { n: complete, all: all.length }))
                : null,
            ),
            make("ol", {}, ...all.map(item)),
          );
        const count = (all, state) => all.filter((one) => one.state === state).length;
        const parts = [
          make(
            "header",
            {},
            make("div", {}, make("h1", {}, words.heading), make("p", {}, words.about)),
            switcher,
          ),
          make(
            "div",
            { class: "now" },
            next
              ? this.link(
                  next,
                  { class: "next", "data-place": "next" },
                  fill(started ? words.resume : words.start, { title: name(next) }),
                )
              : null,
            this.engine,
          ),
          list("lessons", words.lessons, lessons, count(lessons, "studied"), words["lessons so far"]),
          labs.length
            ? list("labs", words.labs, labs, count(labs, "done"), words["labs so far"])
            : null,
          make("footer", {}, make("p", { class: "quiet" }, words.kept)),
        ];
        this.page.replaceChildren(...parts.filter(Boolean));
        if (place) {
          const again = [...this.page.querySelectorAll("[data-place]")];
          again.find((one) => one.dataset.place === place)?.focus({ preventScroll: true });
        }
      }
    }

    return {
      id: "capas:front",
      description: "The front page of the course",
      autoStart: true,
      requires: [application.ILabShell],
      optional: [
        application.ILayoutRestorer,
        apputils.ICommandPalette,
        launcher.ILauncher,
        menus.IMainMenu,
        browsers.IDefaultFileBrowser,
      ],
      activate: async (app, shell, restorer, palette, cards, menubar, browser) => {
        // An address that names a file is a link to that file; else this page comes first.
        const first = !/\/tree\//.test(window.location.pathname);
        const { commands } = app;
        let course;
        try {
          course = new Course(await ask("contents"));
        } catch (error) {
          console.warn("capas: the server does not know the course", error);
          return;
        }
        const tracker = new apputils.WidgetTracker({ namespace: "capas" });

        // Show the folder of the language's lessons in the file browser.
        const browse = () => browser?.model.cd(`/${course.contents.folder}`).catch(() => {});

        commands.addCommand(OPEN, {
          label: (args) => (args.short ? course.words.tab : course.words.title),
          caption: () => course.words.open,
          icon: (args) => (args.palette || args.short ? undefined : icon),
          execute: () => {
            let widget = tracker.currentWidget;
            if (!widget || widget.isDisposed) {
              const content = new Page(app, course);
              widget = new apputils.MainAreaWidget({ content });
              widget.toolbar.hide(); // nothing is in it
              widget.id = "capas-contents";
              widget.title.label = course.words.title;
              widget.title.icon = icon;
              tracker.add(widget);
            }
            if (!widget.isAttached) shell.add(widget, "main", { mode: "tab-before" });
            shell.activateById(widget.id);
          },
        });
        commands.addCommand(SPEAK, {
          label: (args) =>
            course.contents.languages.find((one) => one.id === args.language)?.name || "",
          isToggleable: true,
          isToggled: (args) => args.language === course.contents.language,
          execute: async (args) => {
            await course.speak(args.language);
            await browse();
          },
        });

        commands.addCommand(CLEAR, {
          label: () => course.words.clear,
          caption: () => course.words["clear why"],
          execute: () => commands.execute("notebook:clear-all-cell-outputs"),
        });

        const category = "Capas";
        // Among the notebooks, where one looks first; last there: the first gives them their icon.
        const kernelIconUrl = `data:image/svg+xml,${encodeURIComponent(ICON)}`;
        cards?.add({ command: OPEN, category: "Notebook", rank: 1000, kernelIconUrl });
        palette?.addItem({ command: OPEN, category, args: { palette: true } });
        for (const { id } of course.contents.languages) {
          palette?.addItem({ command: SPEAK, category, args: { language: id } });
        }
        if (menubar) {
          const menu = new widgets.Menu({ commands });
          menu.id = "jp-mainmenu-capas";
          menu.title.label = "Capas";
          menu.addItem({ command: OPEN });
          menu.addItem({ type: "separator" });
          for (const { id } of course.contents.languages) {
            menu.addItem({ command: SPEAK, args: { language: id } });
          }
          menubar.addMenu(menu, true, { rank: 900 });
        }
        course.listeners.push(() => {
          tracker.forEach((one) => (one.title.label = course.words.title));
          commands.notifyCommandChanged(OPEN);
          commands.notifyCommandChanged(SPEAK);
          commands.notifyCommandChanged(CLEAR);
        });

        app.docRegistry.addWidgetExtension("Notebook", {
          createNew: (panel) => {
            const button = new ui.CommandToolbarButton({
              commands,
              id: OPEN,
              args: { short: true },
              caption: course.words.open,
            });
            panel.toolbar.insertItem(0, "capas", button);
            // Stored outputs would tell before one has predicted.
            const clear = new ui.CommandToolbarButton({ commands, id: CLEAR });
            panel.toolbar.insertItem(1, "capas-clear", clear);
            return button;
          },
        });

        restorer?.restore(tracker, { command: OPEN, name: () => "contents" });
        app.restored.then(async () => {
          if (!first) return;
          await browse();
          await commands.execute(OPEN);
        });
      },
    };
  }

  window._JUPYTERLAB = window._JUPYTERLAB || {};
  window._JUPYTERLAB.capas = {
    init: (shareScope) => {
      scope = shareScope;
    },
    get: async (module) => {
      if (module !== "./extension") throw new Error(`capas has no module ${module}`);
      const plugin = await plugins();
      return () => plugin;
    },
  };
})();
