// Newest on top. While somebody reads (has scrolled, selects, pauses) nothing moves: news is counted instead.
const MAX_ROWS = 500;
const MAX_HELD = 2000;
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]/g;
const visible = (value, width) => {
  const text = String(value ?? "").toWellFormed?.() ?? String(value ?? "");
  const shown = text.replace(CONTROL, (c) => "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0"));
  return shown.length > width ? shown.slice(0, width - 1) + "…" : shown;
};
const cell = (row, content, name) => {
  const td = row.insertCell();
  if (name) td.className = name;
  td.append(content);
};

class LiveTail extends HTMLElement {
  connectedCallback() {
    this.body = this.querySelector("tbody");
    this.pill = this.querySelector("[data-news]");
    this.button = this.querySelector("[data-pause]");
    this.dropped = this.querySelector("[data-dropped]");
    this.state = document.querySelector("#live-state");
    this.querySelector("[data-controls]").hidden = false;
    this.held = [];
    this.lost = 0;
    this.paused = false;
    this.pill.addEventListener("click", () => this.show());
    this.button.addEventListener("click", () => {
      this.paused = !this.paused;
      this.button.textContent = this.paused ? "Go on" : "Pause";
      if (!this.paused) this.show();
    });
    this.source = new EventSource("/api/v1/tail?" + new URLSearchParams({ q: this.dataset.query }));
    this.source.onopen = () => this.say("Following.");
    this.source.onerror = () => this.say("The connection is broken; it is tried again.");
    this.source.onmessage = (message) => this.take(JSON.parse(message.data));
    this.source.addEventListener("dropped", (message) => this.lose(JSON.parse(message.data).count));
    this.source.addEventListener("end", (message) => {
      this.say("The server ended this: " + visible(JSON.parse(message.data).why, 200));
    });
  }

  disconnectedCallback() {
    this.source?.close();
  }

  say(text) {
    if (this.state.textContent !== text) this.state.textContent = text;
  }

  lose(count) {
    this.lost += count;
    this.dropped.hidden = false;
    this.dropped.textContent = `${this.lost} left out: they came faster than this page could take them. Search has all.`;
  }

  get reading() {
    return this.paused || scrollY > 60 || !getSelection().isCollapsed || this.body.contains(document.activeElement);
  }

  take(event) {
    this.held.push(event);
    if (this.held.length > MAX_HELD) {
      this.held.shift();
      this.lose(1);
    }
    if (this.reading) {
      this.pill.hidden = false;
      this.pill.textContent = `${this.held.length} new`;
    } else {
      this.show();
    }
  }

  show() {
    for (const event of this.held.splice(0)) this.body.prepend(this.row(event));
    while (this.body.rows.length > MAX_ROWS) this.body.deleteRow(-1);
    this.pill.hidden = true;
  }

  row(event) {
    const row = document.createElement("tr");
    const link = document.createElement("a");
    const time = document.createElement("time");
    time.dateTime = event["@timestamp"];
    time.textContent = visible(event["@timestamp"], 40).replace("T", " ").slice(0, 23);
    link.href = `/events/${encodeURIComponent(event["sealtrail.trail"])}/${Number(event["sealtrail.index"])}`;
    const query = this.dataset.query;
    if (query && query !== "*") link.href += "?" + new URLSearchParams({ q: query });
    link.append(time);
    const level = event["sealtrail.alert.level"];
    const outcome = document.createElement("span");
    outcome.textContent = visible(level ?? event["event.outcome"], 20);
    if (level || outcome.textContent === "failure") outcome.className = "tag bad";
    const status = event["http.response.status_code"];
    const request = [event["http.request.method"], visible(event["url.path"], 80), status].filter(Boolean).join(" ");
    cell(row, link, "when");
    cell(row, visible(event["event.action"], 60));
    cell(row, outcome);
    cell(row, visible(event["user.id"], 40));
    cell(row, visible(event["client.ip"], 60));
    cell(row, visible(request, 120), "long");
    cell(row, visible(event.message ?? event["event.reason"], 120), "long");
    return row;
  }
}

customElements.define("live-tail", LiveTail);
