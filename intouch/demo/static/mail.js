// The mailbox: the list, and one email as people see it, as plain text, or raw.

import { byId, dayAndClock, element, get } from "./api.js";

export class Mails {
  constructor() {
    this.list = byId("mails");
    this.read = new Set();
    this.opened = null;
    this.view = "html";
    this.seen = 0;
    byId("who").addEventListener("change", () => this.refresh());
    byId("back").addEventListener("click", () => this.close());
    for (const button of document.querySelectorAll("[data-view]")) button.addEventListener("click", () => this.show(button.dataset.view));
  }

  async refresh() {
    const asked = (this.asked = (this.asked || 0) + 1);
    const { total, mails, everybody } = await get(`/demo/mail?who=${encodeURIComponent(byId("who").value)}`);
    if (asked !== this.asked) return;
    byId("no-mails").hidden = total > 0;
    byId("mail-total").textContent = total ? `${total === 1 ? "1 email" : `${total} emails`}${everybody > total ? `, of ${everybody} to everybody` : ""}` : "";
    const focused = document.activeElement?.dataset?.number;
    this.list.replaceChildren(...mails.map((mail) => this.item(mail)));
    if (focused) this.list.querySelector(`[data-number="${focused}"]`)?.focus({ preventScroll: true });
    this.count(total);
  }

  // How many came that nobody has looked at, for the small screen's tab.
  count(total) {
    const isShown = document.body.dataset.showing === "mailbox";
    if (isShown) this.seen = total;
    byId("tab-count").hidden = total <= this.seen;
    const fresh = total - this.seen;
    byId("tab-count").replaceChildren(fresh > 99 ? "99+" : String(fresh), element("span", { className: "hidden" }, " new"));
    this.total = total;
  }

  looked() {
    this.count(this.total || 0);
  }

  item(mail) {
    const subject = element("span", { className: "subject" }, mail.subject);
    const time = element("time", { dateTime: mail.received_at }, dayAndClock(mail.received_at));
    const to = element("span", { className: "to" }, `to ${mail.to}`);
    const button = element("button", { type: "button", className: this.read.has(mail.number) ? "mail read" : "mail" }, subject, time, to);
    button.dataset.number = mail.number;
    button.addEventListener("click", () => this.open(mail.number));
    return element("li", {}, button);
  }

  async open(number) {
    this.read.add(number);
    this.opened = await get(`/demo/mail/${number}`);
    byId("mail-subject").textContent = this.opened.subject;
    const rows = this.opened.headers.filter(([name]) => name !== "Subject");
    byId("mail-headers").replaceChildren(...rows.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]));
    document.querySelector("[data-view=html]").disabled = !this.opened.has_html;
    document.querySelector(".mail-list").hidden = true;
    byId("reader").hidden = false;
    this.show(this.opened.has_html ? "html" : "text");
    byId("reader").focus({ preventScroll: true });
    if (byId("reader").getBoundingClientRect().top < 0) byId("reader").scrollIntoView();
  }

  show(view) {
    for (const button of document.querySelectorAll("[data-view]")) button.setAttribute("aria-pressed", String(button.dataset.view === view));
    byId("mail-html").hidden = view !== "html";
    byId("mail-text").hidden = view === "html";
    if (view === "html") byId("mail-html").src = `/demo/mail/${this.opened.number}/html`;
    else byId("mail-text").textContent = this.opened[view];
  }

  close() {
    const number = this.opened?.number;
    byId("reader").hidden = true;
    document.querySelector(".mail-list").hidden = false;
    this.refresh().then(() => this.list.querySelector(`[data-number="${number}"]`)?.focus());
  }
}
