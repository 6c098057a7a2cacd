// The demo page: whose phone it is, what time it is, and what came in.

import { byId, listen, post } from "./api.js";
import { Chat } from "./chat.js";
import { Composer } from "./composer.js";
import { Mails } from "./mail.js";

const chat = new Chat({ onKeyboard: (state) => composer.draw(state) });
const composer = new Composer(chat);
const mails = new Mails();
const chips = [...document.querySelectorAll("[data-person]")];
const seen = new Map();
let latest = null;

function choose(chip) {
  for (const other of chips) other.setAttribute("aria-pressed", String(other === chip));
  byId("about").textContent = chip.dataset.about;
  chip.querySelector(".unread").hidden = true;
  composer.closeMenus();
  seen.set(chip.dataset.person, latest?.chats[chip.dataset.person]?.[0]);
  return chat.show(chip.dataset.person);
}

for (const chip of chips) chip.addEventListener("click", () => choose(chip));

function changed(now) {
  const before = latest;
  latest = now;
  byId("day").textContent = now.day;
  byId("clock").textContent = now.time;
  for (const chip of chips) {
    const key = chip.dataset.person;
    const [revision] = now.chats[key];
    if (key === chat.person) seen.set(key, revision);
    if (!seen.has(key)) seen.set(key, 0);
    chip.querySelector(".unread").hidden = key === chat.person || revision <= seen.get(key);
  }
  const isSame = before && JSON.stringify(before.chats[chat.person]) === JSON.stringify(now.chats[chat.person]) && before.commands === now.commands;
  if (!isSame) chat.show(chat.person);
  if (before?.mails !== now.mails) mails.refresh();
}

for (const button of document.querySelectorAll("[data-time]")) {
  button.addEventListener("click", async () => {
    button.disabled = true;
    byId("time-note").textContent = "One moment.";
    const { note } = await post(`/demo/time/${button.dataset.time}`).catch(() => ({ note: "The demo does not answer. Is it still running?" }));
    byId("time-note").textContent = note;
    button.disabled = false;
    button.focus({ preventScroll: true });
  });
}

for (const button of document.querySelectorAll("[data-show]")) {
  button.addEventListener("click", () => {
    document.body.dataset.showing = button.dataset.show;
    for (const other of document.querySelectorAll("[data-show]")) other.setAttribute("aria-pressed", String(other === button));
    mails.looked();
  });
}

await choose(chips[0]);
listen(changed, () => { byId("clock").textContent = "(the demo does not answer; it may have been stopped)"; });
