// The composer: typing, the command menu, photos, places on the map, and the big buttons instead of a keyboard.

import { byId, element, post } from "./api.js";
import { toast } from "./chat.js";

export class Composer {
  constructor(chat) {
    this.chat = chat;
    this.text = byId("composer-text");
    // As in Telegram's own apps: where fingers type there is no Shift and Enter, so Enter makes a line and the button sends.
    this.isTouched = matchMedia("(hover: none) and (pointer: coarse)").matches;
    this.text.enterKeyHint = this.isTouched ? "enter" : "send";
    if (this.isTouched) byId("composer-keys").textContent = "Enter makes a new line. The button beside it sends.";
    this.map = byId("map");
    byId("composer").addEventListener("submit", (event) => { event.preventDefault(); this.send(); });
    byId("start").addEventListener("click", () => { this.wantsFocus = true; chat.send("/start"); });
    byId("block").addEventListener("click", () => this.block());
    this.menu("open-commands", "commands");
    this.menu("open-attachments", "attachments");
    for (const button of document.querySelectorAll("[data-attach]")) button.addEventListener("click", () => this.attach(button.dataset.attach));
    for (const tile of document.querySelectorAll(".tile")) tile.addEventListener("click", () => this.place(tile.dataset));
    byId("map-close").addEventListener("click", () => this.map.close());
    this.map.addEventListener("click", (event) => { if (event.target === this.map) this.map.close(); });
    byId("file").addEventListener("change", () => this.photo(byId("file").files[0]));
    this.text.addEventListener("input", () => {
      this.grow();
      if (this.text.value === "/") this.open("commands");
    });
    this.text.addEventListener("keydown", (event) => this.key(event));
    byId("phone-side").addEventListener("keydown", (event) => { if (event.key === "Escape") this.closeMenus(true); });
  }

  key(event) {
    // A word that is still being put together, as in Japanese, is ended with Enter and not sent.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || this.isTouched) return;
    event.preventDefault();
    this.send();
  }

  // As high as what is written, up to the height that the style sheet allows.
  grow() {
    this.chat.keepingEnd(() => {
      this.text.style.height = "auto";
      const borders = this.text.offsetHeight - this.text.clientHeight;
      this.text.style.height = `${this.text.scrollHeight + borders}px`;
    });
  }

  write(text) {
    this.text.value = text;
    this.grow();
  }

  async send() {
    const text = this.text.value.trim();
    if (!text) return;
    this.write("");
    this.closeMenus();
    await this.chat.send(text);
  }

  menu(buttonId, menuId) {
    byId(buttonId).addEventListener("click", () => {
      const isOpen = !byId(menuId).hidden;
      this.closeMenus();
      if (!isOpen) this.open(menuId);
    });
  }

  open(menuId) {
    this.closeMenus();
    byId(menuId).hidden = false;
    byId(`open-${menuId}`).setAttribute("aria-expanded", "true");
    if (document.activeElement !== this.text) byId(menuId).querySelector("button")?.focus();
  }

  closeMenus(returnsFocus = false) {
    for (const id of ["commands", "attachments"]) {
      if (returnsFocus && !byId(id).hidden) byId(`open-${id}`).focus();
      byId(id).hidden = true;
      byId(`open-${id}`).setAttribute("aria-expanded", "false");
    }
  }

  async attach(kind) {
    this.closeMenus();
    if (kind === "place") return this.map.showModal();
    if (kind === "photo") return byId("file").click();
    if (kind === "sample") return this.photo(new Blob([]));
    await post(`/demo/chat/${this.chat.person}/send`, { kind });
    this.text.focus();
  }

  async photo(file) {
    if (!file) return;
    const { note } = await post(`/demo/chat/${this.chat.person}/photo`, file);
    byId("file").value = "";
    if (note) toast(note);
    this.text.focus();
  }

  async place({ longitude, latitude }) {
    this.map.close();
    await post(`/demo/chat/${this.chat.person}/location`, { longitude: Number(longitude), latitude: Number(latitude) });
    this.text.focus();
  }

  async block() {
    await post(`/demo/chat/${this.chat.person}/block`, { is_blocked: !this.isBlocked });
    await this.chat.show(this.chat.person);
  }

  // What the chat says about the keyboard, the commands and whether it has begun.
  draw(chat) {
    this.isBlocked = chat.has_blocked;
    const canWrite = chat.has_started && !chat.has_blocked;
    byId("composer").hidden = !canWrite;
    byId("start").hidden = canWrite;
    // The Start button goes away: whoever pressed it goes on in the composer.
    if (canWrite && this.wantsFocus) this.text.focus({ preventScroll: true });
    this.wantsFocus = this.wantsFocus && !canWrite;
    byId("start").textContent = chat.has_blocked ? "Start again" : "Start";
    byId("block").hidden = !chat.has_started;
    byId("block").textContent = chat.has_blocked ? "Unblock" : "Block";
    byId("bot-state").textContent = chat.has_blocked ? "bot, blocked by you" : "bot";
    byId("commands").replaceChildren(...chat.commands.map((command) => this.command(command)));
    byId("open-commands").hidden = !chat.commands.length;
    byId("keyboard").hidden = !canWrite || !chat.keyboard.length;
    byId("keyboard").replaceChildren(...chat.keyboard.map((row) => element("div", { className: "row" }, ...row.map((key) => this.bigKey(key)))));
  }

  command({ command, description }) {
    const button = element("button", { type: "button" }, element("code", {}, `/${command}`), element("span", {}, description));
    button.addEventListener("click", () => {
      this.write("");
      this.closeMenus();
      this.text.focus();
      this.chat.send(`/${command}`);
    });
    return button;
  }

  bigKey({ label, asks_location }) {
    const button = element("button", { type: "button" }, label);
    button.addEventListener("click", () => (asks_location ? this.map.showModal() : this.chat.send(label)));
    return button;
  }
}
