// Telegram's text and entities as page elements. Text only ever becomes text: nothing in it is read as HTML.

import { element } from "./api.js";

const TAGS = {
  bold: "b", italic: "i", underline: "u", strikethrough: "s", code: "code", pre: "pre", blockquote: "blockquote",
  expandable_blockquote: "blockquote", spoiler: "span", custom_emoji: "span",
};

// Offsets and lengths count UTF-16 code units, as strings in JavaScript do.
export function words(text, entities, onCommand) {
  return element("div", { className: "words" }, ...between(text, 0, text.length, entities, onCommand));
}

function between(text, start, end, entities, onCommand) {
  const nodes = [];
  let position = start;
  const rest = [...entities];
  while (rest.length) {
    const entity = rest.shift();
    const last = Math.min(entity.offset + entity.length, end);
    if (entity.offset < position || entity.offset >= end) continue;
    nodes.push(text.slice(position, entity.offset));
    const inside = [];
    while (rest.length && rest[0].offset < last) inside.push(rest.shift());
    nodes.push(shown(entity, text.slice(entity.offset, last), between(text, entity.offset, last, inside, onCommand), onCommand));
    position = last;
  }
  nodes.push(text.slice(position, end));
  return nodes.filter((node) => node !== "");
}

function shown(entity, plain, children, onCommand) {
  if (entity.type === "text_link" || entity.type === "url") return link(entity.url || plain, children);
  if (entity.type === "bot_command") {
    const command = element("button", { type: "button", className: "command" }, plain);
    command.addEventListener("click", () => onCommand(plain));
    return command;
  }
  return element(TAGS[entity.type] || "span", {}, ...children);
}

function link(address, children) {
  if (!/^https?:\/\//i.test(address)) return element("span", {}, ...children);
  return element("a", { href: address, target: "_blank", rel: "noopener noreferrer" }, ...children);
}
