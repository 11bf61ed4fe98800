// Runs once for each piece of HTML of the page; `element` is the piece.

// Report which button was pressed, with what its data says.
function reportButtons(element, report, watch) {
  element.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-act]");
    if (!button || button.disabled) return;
    report({ ...button.dataset });
    if (["edit", "answer"].includes(button.dataset.act)) focusMessage();
    const panel = document.getElementById("hef-panel");
    if (button.dataset.act === "show" && panel && panel.getBoundingClientRect().top > window.innerHeight - 80)
      panel.scrollIntoView({ behavior: "smooth" });
  });
  const box = document.getElementById("hef-scroll");
  if (!box || !box.contains(element)) return;
  // The newest words stay in sight, unless the person has scrolled up.
  const isWide = () => getComputedStyle(box).overflowY === "auto";
  const talk = document.getElementById("hef-talk");
  const rest = () => isWide()
    ? box.scrollHeight - box.scrollTop - box.clientHeight
    : talk.getBoundingClientRect().bottom - window.innerHeight;
  const scroll = (distance) => (isWide() ? box : window).scrollBy(0, distance);
  let follows = true;
  let messages = 0;
  let wasLive = false;
  for (const target of [box, window]) target.addEventListener("scroll", () => { follows = rest() < 120; });
  const settle = () => {
    const isLive = box.querySelector(".hef-live") !== null;
    follows = follows || (isLive && !wasLive); // who sends something wants to see what becomes of it
    wasLive = isLive;
    const shown = box.querySelectorAll(".hef-turns > article");
    const last = shown[shown.length - 1];
    // What is said in danger is read from its beginning.
    if (last && last.classList.contains("hef-danger")) {
      const top = last.getBoundingClientRect().top - (isWide() ? box.getBoundingClientRect().top : 0);
      if (shown.length !== messages) scroll(top - 8);
    } else if (follows && rest() > 0) scroll(rest());
    messages = shown.length;
  };
  let timer;
  watch("value", () => {
    clearTimeout(timer);
    timer = setTimeout(settle, 30); // when the other pieces that change with this one are drawn, too
  });
}

// The keyboard's focus goes to the message: the button that was pressed may be gone.
function focusMessage() {
  setTimeout(() => document.querySelector("#hef-message textarea")?.focus(), 50);
}

// Give the regions of the page their roles and names, in the language of the page.
function followLabels(element, watch) {
  let isReady = false;
  // What is done once, when the page is drawn and there is a visit.
  const begin = () => {
    if (document.activeElement === document.body) focusMessage(); // it was disabled until now
    for (const id of ["hef-head", "hef-composer"]) {
      const part = document.getElementById(id);
      new ResizeObserver(() => {
        document.documentElement.style.setProperty(`--${id}-height`, `${part.offsetHeight}px`);
      }).observe(part);
    }
  };
  const label = () => {
    const labels = element.querySelector("[data-language]");
    if (!labels) return;
    if (!isReady) begin();
    isReady = true;
    document.documentElement.lang = labels.dataset.language;
    document.title = labels.dataset.title;
    for (const [id, role, name] of [["hef-scroll", "region", labels.dataset.talk], ["hef-panel", "region", labels.dataset.panel]]) {
      const region = document.getElementById(id);
      if (!region) continue;
      region.setAttribute("role", role);
      region.setAttribute("aria-label", name);
      region.tabIndex = 0; // what scrolls is reached by the keyboard
    }
    // Gradio's own button for the tabs that have no room.
    document.querySelector("#hef-panel .overflow-menu > button")?.setAttribute("aria-label", labels.dataset.tabs);
  };
  label();
  watch("value", label);
  document.addEventListener("click", (event) => {
    if (event.target.closest("#hef-send, #hef-stop, #hef-cancel, #hef-new")) focusMessage();
  });
}
