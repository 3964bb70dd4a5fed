// What every widget's script begins with (see script() in widget.py).

// Make an element with these properties and children.
function make(tag, attributes = {}, ...children) {
  const element = Object.assign(document.createElement(tag), attributes);
  element.append(...children);
  return element;
}

// Put values into a text: fill("{n} of {all}", { n: 1, all: 2 }).
function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

// Give a widget's keys to the widget alone: in command mode JupyterLab would take arrows, Enter
// and letters for its own. Wraps render().
function apart(render) {
  return (given) => {
    given.el.addEventListener("keydown", (event) => event.stopPropagation());
    return render(given);
  };
}
