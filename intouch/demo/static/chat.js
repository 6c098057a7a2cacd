// The chat: draws messages once and again only when they changed, so that a screen reader hears each of them once.

import { byId, clock, element, get, post, size } from "./api.js";
import { words } from "./entities.js";

const ICONS = {
  file: "M6 2h8l6 6v14H6z M14 2v6h6",
  place: "M12 2a7 7 0 0 0-7 7c0 5.2 7 13 7 13s7-7.8 7-13a7 7 0 0 0-7-7z",
};
const SAID = { sticker: "Sticker", voice: "Voice message", contact: "Contact", poll: "Poll", dice: "Dice" };

export class Chat {
  constructor({ onKeyboard }) {
    this.log = byId("chat");
    this.person = "";
    this.drawn = new Map();
    this.onKeyboard = onKeyboard;
    this.fetching = null;
  }

  async show(person) {
    if (person !== this.person) {
      this.person = person;
      this.drawn.clear();
      // Whatever is put in all at once is history, not news.
      this.log.setAttribute("aria-live", "off");
      this.log.replaceChildren();
    }
    // Asked for while being fetched: once more afterwards, and not twice.
    if (this.fetching) {
      this.again = true;
      return this.fetching;
    }
    this.fetching = this.fetch().finally(() => { this.fetching = null; });
    return this.fetching;
  }

  async fetch() {
    do {
      this.again = false;
      const person = this.person;
      const chat = await get(`/demo/chat/${person}`);
      if (person === this.person) this.draw(chat);
      else this.again = true;
    } while (this.again);
  }

  draw(chat) {
    const isAtEnd = this.isAtEnd();
    const hadFocus = this.log.contains(document.activeElement) && document.activeElement !== this.log;
    const known = new Set(chat.messages.map((message) => message.id));
    for (const [id, { node }] of this.drawn) {
      if (!known.has(id)) { node.remove(); this.drawn.delete(id); }
    }
    let added = false;
    for (const message of chat.messages) added = this.put(message) || added;
    this.before(chat);
    this.keepFocus(hadFocus);
    this.onKeyboard(chat); // before scrolling: a keyboard takes room
    if (isAtEnd || added) this.log.scrollTop = this.log.scrollHeight;
    requestAnimationFrame(() => this.log.setAttribute("aria-live", "polite"));
  }

  put(message) {
    const old = this.drawn.get(message.id);
    if (old && old.revision === message.revision) return false;
    const node = this.bubble(message);
    if (old) old.node.replaceWith(node);
    else this.log.append(node);
    this.drawn.set(message.id, { node, revision: message.revision });
    return !old || this.log.lastElementChild === node;
  }

  // Who reads the newest message still sees it when the composer takes more room.
  keepingEnd(change) {
    const isAtEnd = this.isAtEnd();
    change();
    if (isAtEnd) this.log.scrollTop = this.log.scrollHeight;
  }

  isAtEnd() {
    return this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < 80;
  }

  // What Telegram shows in a chat that has not begun.
  before(chat) {
    this.log.querySelector(".before")?.remove();
    if (chat.messages.length) return;
    const text = chat.description || "What can this bot do? Press Start to find out.";
    this.log.append(element("p", { className: "before" }, text));
  }

  keepFocus(hadFocus) {
    if (hadFocus && !this.log.contains(document.activeElement)) {
      const buttons = this.log.lastElementChild?.querySelectorAll(".row > *");
      (buttons?.[0] || byId("composer-text")).focus({ preventScroll: true });
    }
  }

  bubble(message) {
    const when = `${message.is_edited ? "edited " : ""}${clock(message.sent_at)}`;
    const bubble = element("div", { className: "bubble" });
    bubble.append(element("span", { className: "hidden" }, message.is_from_bot ? "In Touch: " : "You: "));
    if (message.photo) bubble.append(photo(message.photo));
    if (message.document) bubble.append(file(message.document));
    if (message.place) bubble.append(place(message.place));
    if (message.other) bubble.append(element("p", {}, SAID[message.other]));
    if (message.text) bubble.append(words(message.text, message.entities, (command) => this.send(command)));
    bubble.append(element("span", { className: "when" }, when));
    const node = element("div", { className: message.is_from_bot ? "message" : "message mine" }, bubble);
    if (message.rows.length) node.append(this.buttons(message));
    return node;
  }

  buttons(message) {
    const rows = message.rows.map((row) => element("div", { className: "row" }, ...row.map((button) => this.button(message, button))));
    return element("div", { className: "buttons" }, ...rows);
  }

  button(message, { label, url }) {
    if (url) return element("a", { href: url, target: "_blank", rel: "noopener noreferrer", className: "outside" }, label);
    const button = element("button", { type: "button" }, label);
    button.addEventListener("click", () => this.tap(message.id, label));
    return button;
  }

  async tap(message_id, label) {
    const { note } = await post(`/demo/chat/${this.person}/tap`, { message_id, label });
    if (note) toast(note);
  }

  async send(text) {
    await post(`/demo/chat/${this.person}/send`, { text });
  }
}

let fading;

export function toast(text) {
  const shown = byId("toast");
  shown.textContent = text;
  clearTimeout(fading);
  fading = setTimeout(() => { shown.textContent = ""; }, Math.max(4000, text.length * 70));
}

function photo({ url, width, height }) {
  return element("img", { className: "photo", src: url, width, height, alt: "Photo", loading: "lazy" });
}

function file({ url, name, size: bytes }) {
  const label = element("span", {}, `${name} (${size(bytes)})`);
  return element("a", { className: "file", href: url, download: name }, icon("file"), label);
}

function place(name) {
  return element("div", { className: "place" }, icon("place"), `A place in ${name}`);
}

function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}
