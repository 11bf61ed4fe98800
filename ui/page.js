// Runs once for each piece of HTML of the page; `element` is the piece.

// Report which button was pressed, with what its data says.
function reportButtons(element, report, watch) {
  element.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-act]");
    if (!button || button.disabled) return;
    report({ ...button.dataset });
    const panel = document.getElementById("hef-panel");
    if (button.dataset.act === "show" && panel && panel.getBoundingClientRect().top > window.innerHeight - 80)
      panel.scrollIntoView({ behavior: "smooth" });
  });
  const box = document.getElementById("hef-scroll");
  if (!box || !box.contains(element)) return;
  // The newest words stay in sight, unless the person has scrolled up.
  let follows = true;
  const scroller = () => (getComputedStyle(box).overflowY === "auto" ? box : document.scrollingElement);
  const atEnd = () => scroller().scrollHeight - scroller().scrollTop - scroller().clientHeight < 120;
  box.addEventListener("scroll", () => { follows = atEnd(); });
  watch("value", () => {
    // What is said in danger is read from its beginning.
    const danger = [...box.querySelectorAll(".hef-turns > :last-child")].pop();
    if (danger && danger.classList.contains("hef-danger")) danger.scrollIntoView({ block: "start" });
    else if (!follows) return;
    else if (scroller() === box) box.scrollTop = box.scrollHeight;
    else if (element.id === "hef-live") document.getElementById("hef-composer").scrollIntoView({ block: "end" });
  });
}

// Give the regions of the page their roles and names, in the language of the page.
function followLabels(element, watch) {
  const label = () => {
    const labels = element.querySelector("[data-language]");
    if (!labels) return;
    document.documentElement.lang = labels.dataset.language;
    document.title = labels.dataset.title;
    for (const [id, role, name] of [["hef-scroll", "region", labels.dataset.talk], ["hef-panel", "region", labels.dataset.panel]]) {
      const region = document.getElementById(id);
      if (!region) continue;
      region.setAttribute("role", role);
      region.setAttribute("aria-label", name);
      region.tabIndex = 0; // what scrolls is reached by the keyboard
    }
  };
  label();
  watch("value", label);
  const head = document.getElementById("hef-head");
  if (!head) return;
  new ResizeObserver(() => {
    document.documentElement.style.setProperty("--hef-head-height", `${head.offsetHeight}px`);
  }).observe(head);
}
