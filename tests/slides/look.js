// Looks at every slide of the open deck, one after the other, in the theme that is on; returns
// what is wrong, a sentence each. Runs in the page (tests/slides/test_browser.py). `colours`:
// only at contrast, for a deck whose layout has been looked at.
({ text: smallest, colours = false }) => {
  const wrong = [];
  const channels = (colour) => colour.match(/[\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((c) => ((c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const contrast = (a, b) => {
    const [low, high] = [luminance(a), luminance(b)].sort((p, q) => p - q);
    return (high + 0.05) / (low + 0.05);
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const [r, g, b, alpha = 1] = channels(getComputedStyle(at).backgroundColor);
      if (alpha === 1) return [r, g, b];
      if (alpha > 0) throw new Error(`half transparent: ${at.className}`);
    }
    throw new Error("no background");
  };
  const apart = (a, b) => a.right <= b.left + 1 || b.right <= a.left + 1 || a.bottom <= b.top + 1 || b.bottom <= a.top + 1;

  Reveal.getSlides().forEach((slide, index) => {
    Reveal.slide(index);
    const say = (what) => wrong.push(`slide ${index + 1} (${(slide.querySelector("h1, h2") ?? slide.querySelector("p:not(.mark)"))?.textContent.slice(0, 40)}): ${what}`);
    if (Reveal.getCurrentSlide() !== slide) return say("cannot be shown");
    const content = slide.querySelector(".content");
    if (!colours) layout(slide, content, say);
    const words = legible(slide, say);
    if (!colours) arrangement(slide, content, words, say);
  });
  return wrong;

  function layout(slide, content, say) {
    const frame = slide.getBoundingClientRect();
    if (Math.abs(frame.width - innerWidth) > 1 || Math.abs(frame.height - innerHeight) > 1) say(`is ${frame.width} × ${frame.height}`);
    if (content.scrollHeight > content.clientHeight + 1 || content.scrollWidth > content.clientWidth + 1)
      say(`overflows: ${content.scrollWidth} × ${content.scrollHeight} in ${content.clientWidth} × ${content.clientHeight}`);
    for (const element of slide.querySelectorAll(".content *, .mark, footer *")) {
      if (element.closest("aside")) continue;
      const box = element.getBoundingClientRect();
      if (!box.width || !box.height) continue;
      if (box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1 || box.bottom > frame.bottom + 1)
        say(`<${element.localName}> is cut off`);
      if (element.scrollWidth > element.clientWidth + 2 && getComputedStyle(element).overflowX !== "visible") say(`<${element.localName}> scrolls`);
    }
  }

  function legible(slide, say) {
    const words = [];
    const walker = document.createTreeWalker(slide, NodeFilter.SHOW_TEXT);
    for (let text; (text = walker.nextNode()); ) {
      const parent = text.parentElement;
      if (!text.data.trim() || parent.closest("aside")) continue;
      const look = getComputedStyle(parent);
      if (look.visibility === "hidden" || look.display === "none") continue;
      const range = document.createRange();
      range.selectNodeContents(text);
      const boxes = [...range.getClientRects()];
      if (!boxes.length) continue;
      words.push([parent, boxes]);
      const size = parseFloat(look.fontSize);
      if (size < smallest - 0.01) say(`“${text.data.trim().slice(0, 20)}” is ${size} px`);
      const ratio = contrast(channels(look.color), ground(parent));
      if (ratio < 4.5) say(`“${text.data.trim().slice(0, 20)}” has contrast ${ratio.toFixed(1)}`);
    }
    return words;
  }

  function arrangement(slide, content, words, say) {
    for (const region of slide.querySelectorAll(".mark, footer")) {
      const own = region.getBoundingClientRect();
      if (words.some(([parent, boxes]) => !region.contains(parent) && boxes.some((box) => !apart(box, own))))
        say(`text runs into <${region.localName}>`);
    }
    if (!content.textContent.trim() && !content.querySelector("img")) say("is empty");
    for (const picture of slide.querySelectorAll("img")) {
      if (!picture.alt.trim()) say("a picture has no alternative text");
      if (!picture.complete || !picture.naturalWidth) say("a picture is not shown");
      if (picture.src.startsWith("data:image/svg")) drawing(picture, say);
    }
  }

  // Measures the words of a drawing, which a page does not see in an <img>: drawn once more, as
  // large. Words wholly outside of what is shown of it do not count.
  function drawing(picture, say) {
    const host = document.body.appendChild(document.createElement("div"));
    const root = host.attachShadow({ mode: "open" });
    root.innerHTML = decodeURIComponent(picture.src.slice(picture.src.indexOf(",") + 1));
    const svg = root.querySelector("svg");
    svg.style.cssText = `position: fixed; left: 0; top: 0; width: ${picture.clientWidth}px; height: ${picture.clientHeight}px`;
    const view = svg.viewBox.baseVal;
    const place = svg.getScreenCTM();
    const [left, top] = [place.e + place.a * view.x, place.f + place.d * view.y];
    const shown = { left, top, right: left + place.a * view.width, bottom: top + place.d * view.height };
    const words = [...svg.querySelectorAll("text, tspan")].filter((each) => [...each.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim()));
    let least = Infinity;
    for (const word of words) {
      const box = word.getBoundingClientRect();
      if (apart(box, shown)) continue;
      const matrix = word.getScreenCTM();
      least = Math.min(least, parseFloat(getComputedStyle(word).fontSize) * Math.hypot(matrix.a, matrix.b));
      if (box.left < shown.left - 1 || box.right > shown.right + 1 || box.top < shown.top - 1 || box.bottom > shown.bottom + 1)
        say(`“${word.textContent.trim().slice(0, 20)}” is cut off in a picture`);
    }
    if (least < smallest - 0.01) say(`a picture's words are ${least.toFixed(1)} px`);
    if (least === Infinity) say("a picture has no words that can be measured");
    host.remove();
  }
}
