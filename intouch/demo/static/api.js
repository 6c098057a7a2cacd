// Talks to the demo's own server, and nobody else.

export async function get(path) {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(`${answer.status} ${path}`);
  return answer.json();
}

export async function post(path, body = {}) {
  const isFile = body instanceof Blob;
  const answer = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": isFile ? "application/octet-stream" : "application/json" },
    body: isFile ? body : JSON.stringify(body),
  });
  return answer.json().catch(() => ({ note: "The demo did not understand that." }));
}

// Calls `changed` with the server's snapshot whenever something happened; comes back by itself after a break.
export function listen(changed, lost) {
  const source = new EventSource("/demo/events");
  source.addEventListener("message", (event) => changed(JSON.parse(event.data)));
  source.addEventListener("error", lost);
}

export function element(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children.filter((child) => child !== null && child !== ""));
  return made;
}

export const byId = (id) => document.getElementById(id);

export function clock(iso) {
  return new Date(iso).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", timeZone: "Europe/London" });
}

export function dayAndClock(iso) {
  const day = new Date(iso).toLocaleDateString("en-GB", { weekday: "short", day: "numeric", month: "short", timeZone: "Europe/London" });
  return `${day}, ${clock(iso)}`;
}

export function size(bytes) {
  return bytes < 1024 ? `${bytes} bytes` : bytes < 1048576 ? `${Math.round(bytes / 1024)} KB` : `${(bytes / 1048576).toFixed(1)} MB`;
}
