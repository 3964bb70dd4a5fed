// Fits each slide's text, starts Reveal.js, and switches dark and light by the key T.
(() => {
  const root = document.documentElement;
  const asked = new URLSearchParams(location.search);
  const printing = asked.has("print");
  const kept = {
    get: () => { try { return localStorage.getItem("capas-theme"); } catch { return null; } },
    set: (value) => { try { localStorage.setItem("capas-theme", value); } catch { /* a private window */ } },
  };
  const theme = printing ? "light" : asked.get("theme") ?? kept.get();
  if (theme === "dark" || theme === "light") root.dataset.theme = theme;

  // A deck can be copied alone: it leads back to the index only for who came from there.
  document.querySelector(".back").hidden = !asked.has("index");

  const toggle = () => {
    const dark = getComputedStyle(root).colorScheme === "dark";
    root.dataset.theme = dark ? "light" : "dark";
    kept.set(root.dataset.theme);
  };

  // As large as fits; below the smallest size no text gets smaller any more (deck.css). Larger
  // than usual only while no line of code or output breaks for it.
  const sizes = Array.from({ length: 25 }, (_, step) => 0.64 + 0.03 * step);
  const fit = (section) => {
    const content = section.querySelector(".content");
    const code = [...section.querySelectorAll("pre")];
    const set = (size) => section.style.setProperty("--fit", size.toFixed(2));
    set(1);
    const usual = code.map((pre) => pre.clientHeight);
    const fits = (size) => {
      set(size);
      return content.scrollHeight <= content.clientHeight + 1 && content.scrollWidth <= content.clientWidth + 1
        && (size <= 1 || code.every((pre, n) => pre.clientHeight <= usual[n] * size + 2));
    };
    let [low, high] = [0, sizes.length - 1]; // low: fits, or is the smallest
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (fits(sizes[middle])) low = middle;
      else high = middle - 1;
    }
    set(sizes[low]);
  };
  document.body.classList.add("measuring");
  document.querySelectorAll(".slides > section").forEach(fit);
  document.body.classList.remove("measuring");
  if (printing) { // on paper there is no show: slide after slide, a page each
    document.body.classList.add("printing");
    return;
  }

  // A picture with steps (Drawing.step) shows them one after the other, each time that its slide
  // comes; whoever wants no motion, and paper, has it whole. An SVG that is an image has a clock
  // of its own, which starts with the image: so it gets its style, and a new address, here.
  let turn = 0;
  const play = ({ currentSlide }) => {
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    for (const picture of currentSlide.querySelectorAll("img.picture[src*='data-step=']")) {
      picture.dataset.still ??= picture.src;
      const { still } = picture.dataset;
      const steps = [...new Set([...still.matchAll(/data-step=%22(\d+)/g)].map(([, step]) => +step))];
      const apart = Math.min(1, 10 / steps.length); // seconds
      const rules = steps.map((step) => `[data-step="${step}"]{animation:come .4s ${step * apart}s backwards}`);
      const style = `<style>@keyframes come{from{opacity:0}}${rules.join("")}/*${(turn += 1)}*/</style></svg>`;
      picture.src = still.replace(/%3C\/svg%3E\s*$/, encodeURIComponent(style));
    }
  };
  Reveal.on("ready", play);
  Reveal.on("slidechanged", play);

  Reveal.initialize({
    width: 1280, height: 720, margin: 0, center: false, hash: true, controls: false,
    progress: true, transition: "none", backgroundTransition: "none",
    help: true, plugins: [RevealNotes],
    keyboard: { 84: toggle },
  });
  Reveal.registerKeyboardShortcut("T", root.lang === "es" ? "Oscuro o claro" : "Dark or light");
})();
