// Enhancement only: every page can be read and used without it. No string of an event ever becomes markup.
const editing = (target) => target.closest("input, select, textarea, [contenteditable]") !== null;
const follow = (selector) => document.querySelector(selector)?.click();

const keys = {
  "/": () => document.querySelector("[name=q]")?.focus(),
  t: () => document.querySelector("[name=since]")?.focus(),
  j: () => step(1),
  k: () => step(-1),
  e: () => follow("[data-key=e]"),
  ".": () => follow("[data-key=live]"),
  u: () => clock(),
  y: () => navigator.clipboard?.writeText(location.href),
  "?": () => document.querySelector("#keys")?.showModal(),
};

function step(by) {
  const links = [...document.querySelectorAll("[data-rows] tbody tr a:first-of-type")].filter((a) => a.closest("td.when"));
  const at = links.indexOf(document.activeElement);
  links[Math.max(0, Math.min(links.length - 1, at + by))]?.focus();
}

// UTC is what is recorded and what is shown; `u` shows this browser's time beside it.
let local = false;
function clock() {
  local = !local;
  for (const time of document.querySelectorAll("time[datetime]")) {
    time.dataset.utc ??= time.textContent;
    const here = new Date(time.dateTime);
    if (!Number.isNaN(here.valueOf())) time.textContent = local ? here.toLocaleString() : time.dataset.utc;
  }
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  if (editing(event.target)) {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  const act = keys[event.key];
  if (act) {
    event.preventDefault();
    act();
  }
});

// Says when the first event of an application is here, without another look at the page.
class FirstEvent extends HTMLElement {
  connectedCallback() {
    // `n`: also the one that came while this page was made.
    this.source = new EventSource("/api/v1/tail?" + new URLSearchParams({ q: "not sealtrail.source:collector", n: 1 }));
    this.source.onmessage = (message) => this.greet(JSON.parse(message.data));
    this.source.addEventListener("end", () => this.source.close());
  }

  disconnectedCallback() {
    this.source?.close();
  }

  greet(event) {
    this.source.close();
    this.dataset.said = "here";
    this.classList.add("good");
    this.querySelector("[aria-hidden]").className = "";
    this.querySelector("[role=status]").textContent = "The first event is here.";
    const link = document.createElement("a");
    link.href = `/events/${encodeURIComponent(event["sealtrail.trail"])}/${Number(event["sealtrail.index"])}`;
    link.textContent = "Look at it";
    this.querySelector("h2").append(" ", link);
  }
}

customElements.define("first-event", FirstEvent);
