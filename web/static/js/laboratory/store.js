// What is known of the world: pieces by name, the lines of the timeline, and how it is played. Told by /lab/stream.
export class Store {
  constructor() { this.pieces = new Map(); this.events = []; this.first = 0; this.play = { is_playing: false, speed: 1, failure: "", busy: "" }; this.changed = new Set(); this.life = 0; }

  /** Takes one message in; what differs is in `changed` until `taken`. */
  take(message) {
    if (message.failure) { this.play = { ...this.play, failure: message.failure }; return; }
    if (message.reset) { this.pieces.clear(); this.events = []; this.first = message.first; this.life += 1; this.changed.add("*"); }
    for (const name of message.gone) { this.pieces.delete(name); this.changed.add(kindOf(name)); }
    for (const [name, value] of Object.entries(message.set)) { this.pieces.set(name, value); this.changed.add(kindOf(name)); }
    if (message.events.length) {
      if (message.first !== this.first + this.events.length) { this.events = []; this.first = message.first; }
      for (const event of message.events) this.events.push(event);
      if (this.events.length > 8000) { const drop = this.events.length - 5000; this.events.splice(0, drop); this.first += drop; }
      this.changed.add("events");
    }
    this.play = message.play;
  }

  taken() { const changed = this.changed; this.changed = new Set(); return { has: (...names) => changed.has("*") || names.some((name) => changed.has(name)) }; }
  get(name) { return this.pieces.get(name); }
  all(kind) {
    const found = [];
    for (const [name, value] of this.pieces) if (name.startsWith(`${kind}/`)) found.push([name, value]);
    return found.sort((a, b) => a[0].localeCompare(b[0], "en", { numeric: true })).map(([, value]) => value);
  }
  get world() { return this.pieces.get("world") ?? { now_ms: 0, counts: {}, without: [], events: 0, broken: "" }; }
  get moment() { return this.pieces.get("moment") ?? { present_ms: 0, past: false, seed: 0 }; }
  /** Lines up to the moment that is shown. */
  get lines() { const count = Math.max(0, this.world.events - this.first); return count < this.events.length ? this.events.slice(0, count) : this.events; }
}

const kindOf = (name) => name.split("/", 1)[0];
